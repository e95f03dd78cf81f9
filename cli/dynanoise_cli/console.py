"""Where a command writes for people, and how it shows that it works."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def console_beside(json: Path | None) -> Console:
    """Give the console for people's text: standard output, unless that is to hold a JSON document alone."""
    return Console(stderr=json is not None and str(json) == "-", highlight=False, soft_wrap=False)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show the step at work on a terminal's standard error, and nothing elsewhere."""
    console = Console(file=sys.stderr)  # this stream, and not whatever takes its place while a library is silenced
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("") as status:
        yield lambda step: status.update(f"{step} …")


@contextmanager
def counted_progress() -> Iterator[tuple[Callable[[str], None], Callable[[float, int, str], None]]]:
    """Show on a terminal's standard error the step at work, and how much of how many units of it are done.

    What is lent are two functions: one takes the step, the other the units done, how many there are, and a text that
    stands behind them.
    """
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(compact=True))  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("", total=None, told="")

        def step(description: str) -> None:
            bar.update(shown, description=description, told="", total=None, completed=0)

        def progress(done: float, of: int, told: str) -> None:
            count = f"{done:,}" if isinstance(done, int) else f"{done:.1f}"
            bar.update(shown, completed=done, total=of, told=f"{count} of {of:,} {told}")

        yield step, progress
