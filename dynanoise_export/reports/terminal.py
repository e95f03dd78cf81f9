"""What the tables of all commands on a terminal have in common."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dynanoise_export.printable import printable

# A name, and what stands behind it, on one line or several.
Row = tuple[str, str | Sequence[str]]


def print_rows(rows: Iterable[Row], console: Console) -> None:
    """Print names and what stands behind them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        lines = [value] if isinstance(value, str) else value
        table.add_row(words(name), "\n".join(map(words, lines)))
    console.print(table)


def words(text: str) -> str:
    """Write words that may come from a file or a server on one line, and not as markup: float32[batch] is none."""
    return escape(printable(text))


def pasted(*arguments: object) -> str:
    """Write a command that a user can paste into a shell, whatever the files are called."""
    return shlex.join(map(str, arguments))


def defence_text(name: str, parameters: Mapping[str, float]) -> str:
    """Write a defence with its parameters."""
    return f"{name} ({parameters_text(parameters)})" if parameters else name


def parameters_text(parameters: Mapping[str, float]) -> str:
    """Write parameters one after another."""
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items())
