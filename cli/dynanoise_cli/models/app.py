"""The program `dynanoise-models`.

Nothing here or in a command's module imports torch at the top: `--help` must answer at once.
"""

import typer

from dynanoise_cli.models import listing, shadows, train
from dynanoise_cli.running import print_version, run

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train the models that the papers defend, and the shadow models that attacks on them need.",
)


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=print_version, is_eager=True, help="Show the version."),
) -> None:
    """Take the options of the program itself."""


app.command("list")(listing.list_targets)
app.command("train")(train.train)
app.command("shadows")(shadows.shadows)


def main() -> None:
    """Run the program."""
    run(app, "dynanoise-models")
