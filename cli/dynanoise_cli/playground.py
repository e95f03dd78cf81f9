"""The command `playground`."""

import tempfile
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import say
from dynanoise_export.errors import UsageError

DEFAULT_PORT = 8000


def playground(
    defended: Annotated[
        str | None,
        typer.Argument(
            help="A deployed model with DynaNoise: the page begins with its parameters, noise source and classes."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="An undefended classifier, in any format that export opens. Its answers are the examples."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="The rows that the model answers: 10 members and 10 others.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Write the page into this folder, for any web server, and stop."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this computer; 0 for any that is free.")
    ] = DEFAULT_PORT,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    logits: options.Logits = None,
    arch: options.Arch = None,
    example: options.Example = None,
    inputs: options.Inputs = None,
    allow_pickle: options.AllowPickle = False,
) -> None:
    """See what the defence does: an exported head answers in the browser. Without a model the examples are made up."""
    if (model is None) != (data is None):
        raise UsageError("The examples are what a model answers to rows: give both --model and --data, or neither.")
    source_options = options.source_options(logits, arch, example, inputs, allow_pickle)

    from dynanoise_export.playground.beginning import Beginning, beginning_of
    from dynanoise_export.playground.page_folder import require_replaceable, require_runtime, write_playground
    from dynanoise_export.playground.page_server import address_of, page_server, serve_until_interrupted
    from dynanoise_export.playground.queries import queries_of

    require_runtime()
    if output is not None:
        require_replaceable(output)
    beginning = Beginning() if defended is None else beginning_of(defended)
    if model is not None and data is not None:
        beginning = replace(beginning, queries=queries_of(model, data, source_options))
    if output is not None:
        write_playground(output, beginning=beginning)
        say(f"Wrote the page to {output}: a web server must serve this folder, because browsers run no page like this "
            "from a file.")  # fmt: skip
        return

    with tempfile.TemporaryDirectory() as folder:
        server = page_server(write_playground(Path(folder) / "page", beginning=beginning), port)
        say(f"The playground is at {address_of(server)}; Ctrl-C ends it.")
        if browser:
            webbrowser.open(address_of(server))
        serve_until_interrupted(server)
