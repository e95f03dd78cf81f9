"""The program `dynanoise-export`.

Nothing here or in a command's module imports torch or a runtime at the top: `--help` must answer at once.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from dynanoise_cli import attack, bench, compile, demo, export, inspect, triton, validate
from dynanoise_cli.running import print_version, run


class _ExportByDefault(TyperGroup):
    """A group whose command `export` may be left out: `dynanoise-export model.pt -o defended.onnx`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in (*parameter.opts, *parameter.secondary_opts)}
        if args and args[0] not in own and args[0] not in self.commands:
            args = ["export", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ExportByDefault,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ship a trained classifier to ONNX with its membership-inference defence inside the graph. "
    "The default command is export.",
)


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=print_version, is_eager=True, help="Show the version."),
) -> None:
    """Take the options of the program itself."""


app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("validate")(validate.validate)
app.command("attack")(attack.attack)
app.command("bench")(bench.bench)
app.command("triton")(triton.triton)
app.command("compile")(compile.compile_)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the program."""
    run(app, "dynanoise-export")
