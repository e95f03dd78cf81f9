"""A model repository for Triton, on a terminal and as a JSON document."""

from rich.console import Console

from dynanoise_export.deployment.triton.noise_advice import told
from dynanoise_export.deployment.triton.repository import Written
from dynanoise_export.reports.documents import Document, header
from dynanoise_export.reports.terminal import print_rows


def print_repository(written: Written, console: Console) -> None:
    """Show what `triton` made."""
    decided = written.decided
    rows = [
        ("made", str(written.folder)),
        ("from", str(decided.path)),
        ("backend", decided.backend),
        ("inputs", ", ".join(map(str, decided.deployed.inputs))),
        ("classes", f"{decided.deployed.classes}{', with labels' if decided.labels else ''}"),
        ("batches", _batches(decided.max_batch)),
        ("instances", str(decided.instances)),
        ("noise", "\n".join(told(decided.noise, decided.backend))),
        ("start", f"as {written.folder / 'README.md'} says"),
    ]
    print_rows(rows, console)


def repository_document(written: Written) -> Document:
    """Tell what `triton` made."""
    decided = written.decided
    parameters = decided.stated.parameters
    return header("triton", decided.path, decided.deployed.sha256, parameters, passed=True) | {
        "folder": str(written.folder),
        "name": decided.name,
        "backend": decided.backend,
        "max_batch": decided.max_batch,
        "instances": decided.instances,
        "labels": list(decided.labels),
        "noise": decided.noise,
        "told": list(told(decided.noise, decided.backend)),
    }


def _batches(most: int) -> str:
    return f"of up to {most} rows, gathered by the server" if most else "as fixed in the file; the server gathers none"
