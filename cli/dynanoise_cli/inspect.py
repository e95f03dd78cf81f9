"""The command `inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside


def inspect(
    file: Annotated[Path, typer.Argument(help="An ONNX file, defended or not.")],
    json: options.Json = None,
) -> None:
    """Show what is in an ONNX file: inputs, outputs, defence, leak check and provenance."""
    options.check_writable(json, read=(file,))

    from dynanoise_export.inspecting import inspect as look_into
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.inspect_document import inspect_document
    from dynanoise_export.reports.inspect_terminal import print_inspection

    seen = look_into(file)
    print_inspection(seen, console_beside(json))
    if json is not None:
        write_document(inspect_document(seen), json)
