"""The table of docs/zoo.md."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.zoo.judge import Result

DOCUMENT = Path(__file__).parents[2] / "docs" / "zoo.md"
BEGIN, END = "<!-- table: made by benchmarks/zoo -->", "<!-- end of the table -->"
COLUMNS = (
    "model", "made by", "ends in", "verdict", "the defence takes", "largest difference", "validate", "reason",
)  # fmt: skip


def write_table(results: Sequence[Result]) -> None:
    """Replace the table between the two marks of the document."""
    lines = [row(COLUMNS), row(["---"] * len(COLUMNS)), *(row(cells(result)) for result in results)]
    table = "\n".join([BEGIN, "", *lines, "", END])
    text = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    DOCUMENT.write_text(pattern.sub(lambda _: table, text), encoding="utf-8")


def cells(result: Result) -> list[str]:
    """Give the cells of a model's row."""
    difference = "" if result.difference is None else f"{result.difference:.0e}"
    return [
        result.name, result.made_by, result.ends_in, result.verdict, result.place, difference, result.validated,
        result.reason,
    ]  # fmt: skip


def row(texts: Sequence[str]) -> str:
    """Write a row of a table; its cells may contain bars."""
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
