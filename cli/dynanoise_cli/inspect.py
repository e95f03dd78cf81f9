"""The command `inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli.console import console_beside


def inspect(
    file: Annotated[Path, typer.Argument(help="An ONNX file, defended or not.")],
    json: Annotated[Path | None, typer.Option(help="Tell it as JSON in this file, or - for standard output.")] = None,
) -> None:
    """Show what an ONNX file is: inputs, outputs, defence, leak check and provenance."""
    from dynanoise_export.inspecting import inspect as look
    from dynanoise_export.reports.documents import inspection_document, write_document
    from dynanoise_export.reports.terminal import print_inspection

    seen = look(file)
    print_inspection(seen, console_beside(json))
    if json is not None:
        write_document(inspection_document(seen), json)
