"""The command `demo`."""

from pathlib import Path
from typing import Annotated

import typer

from dynanoise_cli.console import console_beside, progress


def demo(
    out: Annotated[Path, typer.Option(help="The folder for what it makes.")] = Path("demo"),
) -> None:
    """Train a small model on scikit-learn's digits, export it defended, validate it, and ask it."""
    from dynanoise_export.demonstration import demonstrate
    from dynanoise_export.reports.terminal import print_demonstration

    with progress() as step:
        demonstration = demonstrate(out, step)
    print_demonstration(demonstration, console_beside(None))
