"""The command `triton`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside
from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.files import require_writable


def triton(
    defended: Annotated[
        Path, typer.Argument(help="A defended ONNX file, or a TensorRT plan that compile made, its manifest beside it.")
    ],
    repository: Annotated[Path, typer.Option(help="The folder of the server's models, which is made if need be.")],
    name: Annotated[str | None, typer.Option(help="Of the model on the server; that of the file unless given.")] = None,
    backend: Annotated[
        Backend | None,
        typer.Option(
            help="What runs the model within Triton; unless given, tensorrt for a plan, python for --noise input, "
            "onnxruntime for the rest."
        ),
    ] = None,
    max_batch: Annotated[
        int | None, typer.Option(min=1, help="The most rows that the server may run at once; 64, or those of the plan.")
    ] = None,
    instances: Annotated[int | None, typer.Option(min=1, help="How many copies of the model run; 1.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A text with the name of a class on each line; unless given, the file's own.")
    ] = None,
    json: options.Json = None,
) -> None:
    """Put a defended file into a model repository for Triton Inference Server."""
    if json is not None:
        require_writable(json)

    from dynanoise_export.deployment.triton.repository import make_repository
    from dynanoise_export.deployment.triton.serving import Wanted
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.triton_report import print_repository, repository_document

    written = make_repository(defended, repository, Wanted(name, backend, max_batch, instances, labels))
    print_repository(written, console_beside(json))
    if json is not None:
        write_document(repository_document(written), json)
