"""Foreign texts in Markdown: they stay texts, and can't end the section that they stand in."""

import re

from dynanoise_export.printable import printable

# What Markdown, or HTML inside it, could take as its own.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|&#~$])")


def plain(text: str) -> str:
    """Escape a text for Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", printable(text))


def code(text: str) -> str:
    """Write a path or a digest so that each character counts; a character of Markdown's own is escaped as text."""
    shown = printable(text)
    return plain(shown) if _SPECIAL.search(shown.replace("_", "")) else f"`{shown}`"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Write a table whose cells are Markdown already."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
