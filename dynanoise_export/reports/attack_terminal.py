"""An attack report on a terminal: the verdict, the answer, the cost of the defence, and all attacks."""

from collections.abc import Iterator

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.gates import GateOutcome
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_gates import most_exposed
from dynanoise_export.reports.attack_grid import grid, midput_rows
from dynanoise_export.reports.attack_wording import effort, is_inside, label_floor_sentence, queries_text, who
from dynanoise_export.reports.effort_tables import READINGS, budget_legend, budget_table, coloured, reading_table, short
from dynanoise_export.reports.execution_wording import on_gpu
from dynanoise_export.reports.exposed_wording import risk_sentences
from dynanoise_export.reports.gate_wording import WORDS, against_whom, gate_sentence
from dynanoise_export.reports.terminal import words
from dynanoise_export.reports.usefulness_table import USEFULNESS, usefulness_table

# How many of the most exposed members are listed.
SHOWN = 5


def print_attack(report: AttackReport, console: Console) -> None:
    """Print what attacks achieved: the verdict on the gates first, if there are any, then the answer."""
    _print_gates(report, console)
    for sentence in _answer(report):
        console.print(sentence)
    for sentence in _figures(report):
        console.print(words(sentence))
    for table, legend in (
        (usefulness_table(report), USEFULNESS),
        (budget_table(report), budget_legend(report)),
        (reading_table(report), READINGS),
        (_table(report), _legend(report)),
    ):
        console.print()
        console.print(table)
        console.print()
        console.print(words(legend), style="dim")
    _print_exposed(report, console)
    for warning in report.warnings:
        console.print(f"[yellow]![/] {words(warning.text)}")
    for reason in dict.fromkeys(skipped.reason for skipped in report.skipped):
        names = [skipped.attack.name for skipped in report.skipped if skipped.reason == reason]
        subject = "It" if len(names) == 1 else "Each"
        console.print(f"[yellow]![/] Skipped: {words('; '.join(names))}. {subject} {words(reason)}.")


def _print_gates(report: AttackReport, console: Console) -> None:
    for judged in report.gates:
        colour = "green" if judged.outcome is GateOutcome.HELD else "red"
        sentence = gate_sentence(judged, report)
        console.print(f"[bold {colour}]{WORDS[judged.outcome]}[/]  {words(sentence)}.")
    if report.gates:
        console.print(words(against_whom(report)))
        console.print()


def _print_exposed(report: AttackReport, console: Console) -> None:
    """Print the members that the worst attack finds most surely."""
    audit, exposed = report.audit, most_exposed(report)[:SHOWN]
    grouped = ("group",) if audit.group is not None else ()
    table = Table("row", "label", *grouped, "non-members accused", box=SIMPLE, show_edge=False, pad_edge=False)
    for one in exposed:
        label = audit.class_name(one["label"])
        group = (words(one["group"]),) if one["group"] is not None else ()
        table.add_row(str(one["row"]), words(label), *group, f"{one['false_alarms']:.2%}")
    console.print()
    worst = who(report.worst, report.defence is not None)
    console.print(f"The {len(exposed)} most exposed members, by {words(worst)}:")
    console.print(table)


def _answer(report: AttackReport) -> Iterator[str]:
    """Say who is the strongest attacker, who is inside the domain of the rows, and what labels alone give."""
    worst, inside, defended = report.worst, report.curve[-1].inside, report.defence is not None
    auc = f"gets an [bold]AUC of {_with_ends(worst.auc)}[/]"
    name = who(worst, defended)
    yield f"[bold]{words(name[:1].upper() + name[1:])}[/] {auc} {words(effort(worst, report))}"
    if not is_inside(worst, report):
        inner = words(who(inside, defended))
        yield f"Inside it, {inner} gets {_with_ends(inside.auc)} with {queries_text(inside.attacker.queries)}"
    yield words(label_floor_sentence(report))
    yield _compared(report)


def _compared(report: AttackReport) -> str:
    """Compare with the undefended model, if there is a reference."""
    plain = report.without_defence(report.worst)
    accuracy = f"Accuracy {report.utility.accuracy.value:.3f}"
    if plain is None or report.plain_utility is None:
        return accuracy
    own, other = _sides(report)
    compared = "the strongest attack on one answer to each row" if report.worst.attacker.plan else "the same attack"
    return (
        f"{other.capitalize()}, {compared} gets {_with_ends(plain.auc)}. {accuracy} {own}, "
        f"{report.plain_utility.accuracy.value:.3f} {other}"
    )


def _sides(report: AttackReport) -> tuple[str, str]:
    """Say on which model a figure was measured: the attacked one, or the one that it is compared with."""
    return ("here", "on the reference") if report.defence is None else ("with the defence", "without the defence")


def _figures(report: AttackReport) -> Iterator[str]:
    own, other = _sides(report)
    for fpr in FPRS:
        result = report.largest_tpr(fpr)
        if result is not None and (tpr := result.tpr[fpr]) is not None:
            plain = report.without_defence(result)
            plain_tpr = plain.tpr[fpr] if plain else None
            compared = f" {own}, {plain_tpr.value:.4f} {other}" if plain_tpr else ""
            yield f"TPR at {100 * fpr:g}% FPR: {tpr.value:.4f}{compared}, by {who(result, report.defence is not None)}"
    if report.cost is not None:
        lost = report.cost.accuracy_lost
        yield f"accuracy lost {lost.value:.4f} [{lost.low:.4f}, {lost.high:.4f}]"
    if computed := on_gpu(report.model.execution):
        yield computed
    yield from risk_sentences(report)
    audit = report.audit
    yield (
        f"{audit.members:,} members, {audit.non_members:,} non-members, "
        f"{_shadow_models(report)}, "
        f"{report.queries_per_row} queries per row"
    )


def _table(report: AttackReport) -> Table:
    arranged = grid(report)
    columns = (Column(column.short, justify="right") for column in arranged.columns)
    table = Table("AUC of the rows themselves", *columns, box=SIMPLE, show_edge=False, pad_edge=False, padding=0)
    for name, results in arranged.rows.items():
        table.add_row(words(name), *map(_cell, results))
    table.add_section()
    for name, values in midput_rows(report, arranged.columns).items():
        if any(value is not None for value in values):
            table.add_row(name, *("" if value is None else short(value) for value in values))
    return table


def _legend(report: AttackReport) -> str:
    if report.defence is None:
        return "model: one answer of this model; reference: one answer of the reference"
    return (
        "without: the undefended model; naive: one answer, taken as it is; ×n: knows the defence and averages n answers"
    )


def _cell(result: Result | None) -> str:
    return "" if result is None else coloured(result)


def _with_ends(interval: Interval) -> str:
    return words(str(interval))


def _shadow_models(report: AttackReport) -> str:
    """Count the shadow models, and those that answered chosen queries."""
    if report.store is None:
        return "no shadow models"
    count = len(report.store.kept)
    asked = "" if report.asked == count else f" ({report.asked} answered chosen queries)"
    return f"{count} shadow models{asked}"
