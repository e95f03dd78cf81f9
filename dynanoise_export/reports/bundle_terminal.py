"""A bundle that was made, on a terminal."""

from rich.console import Console
from rich.markup import escape

from dynanoise_export.bundling.made_bundle import MadeBundle
from dynanoise_export.intervals import Interval
from dynanoise_export.printable import printable
from dynanoise_export.reports.terminal import Row, print_rows

# More classes than this are counted, and not listed.
LISTED = 20


def print_bundle(made: MadeBundle, console: Console) -> None:
    """Print a bundle that was made."""
    rows = [
        ("written", str(made.path)),
        ("sources", ", ".join(made.sources)),
        ("inputs", ", ".join(map(str, made.inputs))),
        ("members", f"{made.members:,}"),
        ("non-members", f"{made.non_members:,}"),
        *([("auxiliary", f"{made.auxiliary:,}")] if made.auxiliary else []),
        *([("groups", f"{made.groups:,}")] if made.groups is not None else []),
        ("labels", _labels(made)),
        *_accuracy_rows(made),
        *[("note", printable(note)) for note in made.notes],
        ("sha256", made.sha256),
    ]
    print_rows(rows, console)
    for warning in made.warnings:
        console.print(f"[bold yellow]warning[/]  {escape(printable(warning.text))}")


def _labels(made: MadeBundle) -> str:
    """List the rows of each class by the number and the name of its label."""
    lines = [f"{number} {_name(made, number)}({count:,} rows)" for number, count in enumerate(made.counts)]
    more = [f"… {len(lines)} classes in all"] if len(lines) > LISTED else []
    return "\n".join([*lines[:LISTED], *more])


def _name(made: MadeBundle, number: int) -> str:
    return f"= {printable(made.classes[number])} " if number < len(made.classes) else ""


def _accuracy_rows(made: MadeBundle) -> list[Row]:
    if made.accuracy is None:
        return []
    return [
        ("model", str(made.model)),
        ("accuracy", f"{_percent(made.accuracy.members)} on members, {_percent(made.accuracy.non_members)} on "
                     f"non-members; chance gives {made.accuracy.chance:.1%}"),
    ]  # fmt: skip


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} [{interval.low:.1%}, {interval.high:.1%}]"
