"""The command `triton`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli import options
from dynanoise_cli.console import console_beside
from dynanoise_export.deployment.triton.triton_backend import TritonBackend


def triton(
    defended: Annotated[
        Path,
        typer.Argument(help="A defended ONNX file, or a TensorRT plan that compile made, with its manifest beside it."),
    ],
    repository: Annotated[Path, typer.Option(help="The folder of the server's models. It is made if it is missing.")],
    name: Annotated[
        str | None, typer.Option(help="The name of the model on the server. The default is the name of the file.")
    ] = None,
    backend: Annotated[
        TritonBackend | None,
        typer.Option(
            help="What runs the model in Triton. The default is tensorrt for a plan, python for a file with --noise "
            "input, and onnxruntime for other files."
        ),
    ] = None,
    max_batch: Annotated[
        int | None,
        typer.Option(
            min=1, help="The most rows that the server may run at once. The default is 64, or the most of the plan."
        ),
    ] = None,
    instances: Annotated[
        int | None, typer.Option(min=1, help="How many copies of the model run. The default is 1.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="A text file with the name of a class on each line. The default is the names in the file."),
    ] = None,
    json: options.Json = None,
) -> None:
    """Write a defended file into a model repository for Triton Inference Server."""
    options.check_writable(json, read=(defended, labels))

    from dynanoise_export.deployment.triton.repository import write_triton_repository
    from dynanoise_export.reports.documents import write_document
    from dynanoise_export.reports.triton_document import triton_document
    from dynanoise_export.reports.triton_terminal import print_repository

    written = write_triton_repository(
        defended, repository, name=name, backend=backend, max_batch=max_batch, instances=instances, labels=labels
    )
    print_repository(written, console_beside(json))
    if json is not None:
        write_document(triton_document(written), json)
