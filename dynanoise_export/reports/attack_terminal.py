"""An attack report on a terminal: the answer, what it cost, and a table of attacks and attackers."""

from collections.abc import Iterator

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dynanoise_export.attacks.attacking_model import AttackReport
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_grid import grid, midput_rows

STRONG, SOME = 0.6, 0.55


def print_attack(report: AttackReport, console: Console) -> None:
    """Show what attacks got: the answer first."""
    console.print(_answer(report))
    for sentence in _beside(report):
        console.print(escape(sentence))
    for exceeded in report.exceeded:
        result = exceeded.result
        console.print(
            f"[red]FAILED[/]  {escape(str(exceeded.gate))}: {escape(result.attack.name)} ({result.attacker.name}) may "
            f"reach {exceeded.high:.4f}"
        )
    for gate in report.kept:
        console.print(f"[green]PASSED[/]  {escape(str(gate))}: no attack's interval goes beyond it")
    console.print()
    console.print(_table(report))
    console.print()
    console.print(_legend(report), style="dim")
    for warning in report.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")
    for name, lack in report.lacking.items():
        console.print(f"[yellow]![/] Not made: {escape(name)}, which {lack}.")


def _answer(report: AttackReport) -> str:
    worst, plain = report.worst, report.plain_of(report.worst)
    told = f"[bold]{escape(worst.attack.name)}[/] ({worst.attacker.name}) gets an [bold]AUC of {_told(worst.auc)}[/]"
    if plain is None or report.plain_utility is None:
        return f"{told}; accuracy {report.utility.accuracy.value:.3f}"
    return (
        f"{told} with the defence, {_told(plain.auc)} without it; accuracy {report.utility.accuracy.value:.3f} with, "
        f"{report.plain_utility.accuracy.value:.3f} without"
    )


def _beside(report: AttackReport) -> Iterator[str]:
    for fpr in FPRS:
        result = report.finds_most(fpr)
        if result is not None and (tpr := result.tpr[fpr]) is not None:
            plain = report.plain_of(result)
            without = f", {told.value:.4f} without" if plain and (told := plain.tpr[fpr]) else ""
            yield (
                f"TPR at {100 * fpr:g}% FPR: {tpr.value:.4f}{without} ({result.attack.name}, {result.attacker.name})"
            )
    if report.cost is not None and report.plain_utility is not None:
        lost = report.cost.accuracy_lost
        yield (
            f"accuracy lost {lost.value:.4f} [{lost.low:.4f}, {lost.high:.4f}], labels flipped "
            f"{report.cost.flips:.2%}, calibration error {report.utility.calibration_error:.3f} with, "
            f"{report.plain_utility.calibration_error:.3f} without"
        )
    audit = report.audit
    yield (
        f"{audit.members:,} members, {audit.non_members:,} non-members, "
        f"{'no' if report.store is None else len(report.store.kept)} shadow models, {report.asked} queries a row"
    )


def _table(report: AttackReport) -> Table:
    told = grid(report)
    columns = (Column(column.short, justify="right") for column in told.columns)
    # Nine attackers fit into 80 columns by a hair.
    table = Table("AUC", *columns, box=SIMPLE, show_edge=False, pad_edge=False, padding=0)
    for name, results in told.rows.items():
        table.add_row(escape(name), *map(_cell, results))
    if report.tradeoffs:
        table.add_section()
        for name, values in midput_rows(report, told.columns).items():
            table.add_row(name, *("" if value is None else _short(value) for value in values))
    return table


def _legend(report: AttackReport) -> str:
    if report.attacked.head is None:
        return "without: one answer of the undefended model"
    return (
        "without: the undefended model; naive: one answer, taken as it is; ×n: an attacker who knows the defence and "
        "averages n answers; δ: who averages answers to near-duplicates that far off"
    )


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    value = result.auc.value
    colour = "red" if value >= STRONG else "yellow" if value >= SOME else "green"
    return f"[{colour}]{_short(value)}[/]"


def _short(value: float) -> str:
    """Write a figure of at most 1 without the 0 before its point."""
    return f"{value:.3f}".replace("0.", ".", 1)


def _told(interval: Interval) -> str:
    return escape(f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
