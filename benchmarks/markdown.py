"""Tables as Markdown."""

from collections.abc import Sequence


def row(cells: Sequence[str]) -> str:
    """Write a row of a table; its cells may contain bars."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
