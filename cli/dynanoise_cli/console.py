"""Where a command writes for people, and how it shows its progress."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.segment import Segment
from rich.text import Text

from dynanoise_export.errors import one_line
from dynanoise_export.printable import printable, printable_lines
from dynanoise_export.types import Progress, Step, no_progress

# Nobody sees where a line of a file or a pipe ends, and programs that read it want whole lines.
PIPED = 1000


class PlainConsole(Console):
    """A console on which the words of files and servers are only words: only the program itself styles and moves."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, emoji=False, soft_wrap=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = PIPED

    def render_str(self, text: str, **options: Any) -> Text:
        """Escape a text before it is measured, so that it fits into its place."""
        return super().render_str(printable_lines(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape whatever else comes to be written."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable_lines(segment.text), segment.style)


def console_beside(json: Path | None) -> Console:
    """Give the console for people's text: standard output, unless the JSON document goes there."""
    return PlainConsole(stderr=json is not None and str(json) == "-")


def say(sentence: str) -> None:
    """Write a sentence for people, on one line, to standard error."""
    print(one_line(sentence), file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show each step of a long call, and how much of it is done, on a terminal's standard error.

    Nothing is shown if standard error is not a terminal.
    """
    console = PlainConsole(stderr=True)
    console.file = sys.stderr  # the stream itself: a library may replace sys.stderr while it works
    if not console.is_terminal:
        yield no_progress
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[count]}"),
               TimeElapsedColumn(), _TimeLeft(compact=True))  # fmt: skip
    with Bar(*columns, console=console, transient=True) as bar:

        def show(step: Step) -> None:
            shown, what = bar.tasks[0] if bar.tasks else None, printable(step.what)
            # Rich can't take a total away from a task, so each step gets a task of its own.
            if shown is None or (shown.description, shown.total) != (what, step.total):
                for task in bar.tasks:
                    bar.remove_task(task.id)
                bar.add_task(what, total=step.total, completed=int(step.done), count="")
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
