"""What `validate` found, on a terminal."""

import itertools
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.reports.execution_wording import on_gpu
from dynanoise_export.reports.terminal import words
from dynanoise_export.validation.check import Check, Outcome
from dynanoise_export.validation.validating import Validation

_MARKS = {
    Outcome.PASSED: "[green]ok[/]",
    Outcome.FAILED: "[red]FAILED[/]",
    Outcome.WARNING: "[yellow]warning[/]",
    Outcome.NOT_RUN: "[red]not run[/]",
    Outcome.NOT_APPLICABLE: "[dim]n/a[/]",
}
NOT_MADE = (Outcome.NOT_RUN, Outcome.NOT_APPLICABLE)
# In the order of the summary; a check that passed or does not apply needs no count.
_COUNTED = {Outcome.FAILED: "failed", Outcome.NOT_RUN: "not run", Outcome.WARNING: "warnings"}


def print_validation(validation: Validation, console: Console) -> None:
    """Print what `validate` found: the verdict first, then each check."""
    print_verdict(validation, console)
    table = Table("", "check", Column("result", overflow="fold"), box=SIMPLE)
    for outcome, name, detail in _rows(validation.checks):
        table.add_row(_MARKS[outcome], words(name), words(detail))
    console.print(table)


def _rows(checks: Sequence[Check]) -> Iterator[tuple[Outcome, str, str]]:
    """Give a row for each check, and one for all those in a row that were not made for the same reason."""
    for (outcome, detail), group in itertools.groupby(checks, key=lambda check: (check.outcome, check.detail)):
        alike = list(group)
        if outcome in NOT_MADE and len(alike) > 1:
            names = ", ".join(check.name for check in alike)
            yield outcome, f"{len(alike)} checks", f"{detail} ({names})"
        else:
            yield from ((outcome, check.name, detail) for check in alike)


def print_verdict(validation: Validation, console: Console) -> None:
    """Print whether a model passed, and how many checks did not."""
    verdict = "[green]PASSED[/]" if validation.passed else "[red]FAILED[/]"
    outcomes = [check.outcome for check in validation.checks]
    counts = ", ".join(f"{outcomes.count(outcome)} {word}" for outcome, word in _COUNTED.items())
    console.print(f"[bold]{verdict}[/]  {words(validation.model.name)}: {len(outcomes)} checks, {counts}")
    console.print(words(f"reference: {validation.reference}, rows: {validation.data}"))
    if computed := on_gpu(validation.model.execution):
        allowed = validation.tolerance
        console.print(words(f"{computed}; logits may differ by {allowed.atol:g} + {allowed.rtol:g} of their size"))


def mark(check: Check) -> str:
    """Mark the outcome of a check, as markup."""
    return _MARKS[check.outcome]
