"""The program `dynanoise-export`.

Nothing here or in a command's module imports torch or a runtime at the top: `--help` must answer at once.
"""

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from dynanoise_cli import (
    attack,
    bench,
    bundle,
    compile,
    demo,
    export,
    inspect,
    playground,
    sweep,
    triton,
    tune,
    validate,
)
from dynanoise_cli.running import print_version, run
from dynanoise_export.documentation import pages
from dynanoise_export.errors import UsageError


class _ExportByDefault(TyperGroup):
    """A group whose command `export` may be left out: `dynanoise-export model.pt -o defended.onnx`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in (*parameter.opts, *parameter.secondary_opts)}
        if args and args[0] not in own and args[0] not in self.commands:
            _require_no_typo(args[0], self.commands)
            args = ["export", *args]
        return super().parse_args(ctx, args)


def _require_no_typo(word: str, commands: Collection[str]) -> None:
    """Refuse what is no file and almost a command, before `export` says that it does not exist."""
    similar = difflib.get_close_matches(word, commands, n=1)
    if similar and not Path(word).exists():
        raise UsageError(f"There is no command and no file {word!r}: did you mean {similar[0]}?")


app = typer.Typer(
    cls=_ExportByDefault,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ship a trained classifier to ONNX with its membership-inference defence inside the graph. "
    "The default command is export.",
    epilog=f"The pages that messages name, as in docs/noise.md, are in {pages()}; begin with README.md.",
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
app.command("tune")(tune.tune)
app.command("sweep")(sweep.sweep)
app.command("bench")(bench.bench)
app.command("bundle")(bundle.bundle)
app.command("triton")(triton.triton)
app.command("compile")(compile.compile_)
app.command("playground")(playground.playground)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the program."""
    run(app, "dynanoise-export")
