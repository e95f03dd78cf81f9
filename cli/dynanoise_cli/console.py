"""Where a command writes for people, and how it shows its progress."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from dynanoise_export.types import Progress, Step, no_progress


def console_beside(json: Path | None) -> Console:
    """Give the console for people's text: standard output, unless the JSON document goes there."""
    return Console(stderr=json is not None and str(json) == "-", highlight=False, soft_wrap=False)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show each step of a long call, and how much of it is done, on a terminal's standard error.

    Nothing is shown if standard error is not a terminal.
    """
    console = Console(file=sys.stderr)  # the stream itself: a library may replace sys.stderr while it works
    if not console.is_terminal:
        yield no_progress
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[count]}"),
               TimeElapsedColumn(), _TimeLeft(compact=True))  # fmt: skip
    with Bar(*columns, console=console, transient=True) as bar:

        def show(step: Step) -> None:
            shown = bar.tasks[0] if bar.tasks else None
            # Rich can't take a total away from a task, so each step gets a task of its own.
            if shown is None or (shown.description, shown.total) != (step.what, step.total):
                for task in bar.tasks:
                    bar.remove_task(task.id)
                bar.add_task(step.what, total=step.total, completed=int(step.done), count="")
            bar.update(bar.task_ids[0], completed=step.done, count=_count(step))

        yield show


class _TimeLeft(TimeRemainingColumn):
    """The time that is left, if it is known."""

    def render(self, task: Task) -> Text:
        if task.time_remaining is None:
            return Text("")
        return super().render(task) + Text(" left", style="progress.remaining")


def _count(step: Step) -> str:
    if step.total is None:
        return ""
    done = f"{step.done:.1f}" if isinstance(step.done, float) else f"{step.done:,}"
    return f"{done} of {step.total:,} {step.unit}".rstrip()
