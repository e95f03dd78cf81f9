"""What the tables of all commands on a terminal have in common."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# A name, and what stands behind it.
Row = tuple[str, str]


def print_rows(rows: Iterable[Row], console: Console) -> None:
    """Print names and what stands behind them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))  # float32[batch] is not markup
    console.print(table)


def defence_text(name: str, parameters: Mapping[str, float]) -> str:
    """Write a defence with its parameters."""
    return f"{name} ({parameters_text(parameters)})" if parameters else name


def parameters_text(parameters: Mapping[str, float]) -> str:
    """Write parameters one after another."""
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items())
