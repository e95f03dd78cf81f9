"""What `triton` wrote, on a terminal."""

from rich.console import Console

from dynanoise_export.deployment.triton.noise_advice import advice
from dynanoise_export.deployment.triton.repository import TritonRepository
from dynanoise_export.reports.terminal import Row, print_rows


def print_repository(written: TritonRepository, console: Console) -> None:
    """Print what `triton` wrote."""
    model, serving = written.model, written.serving
    rows: list[Row] = [
        ("written", str(written.folder)),
        ("source", model.name),
        ("backend", serving.backend),
        ("inputs", ", ".join(map(str, model.inputs))),
        ("classes", f"{model.classes}{', with labels' if serving.labels else ''}"),
        ("batches", _batches(serving.max_batch)),
        ("instances", str(serving.instances)),
        ("noise", advice(model.noise, serving.backend)),
        ("start", f"see {written.folder / 'README.md'}"),
    ]
    print_rows(rows, console)


def _batches(most: int) -> str:
    if not most:
        return "fixed in the file; the server does not batch requests"
    return f"up to {most} rows; the server batches requests"
