"""Where a command writes for people, and how it shows that it works."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console


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
