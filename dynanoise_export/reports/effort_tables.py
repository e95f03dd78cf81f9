"""What attackers get for their queries, as tables on a terminal of 80 columns."""

from collections.abc import Iterator

from rich.box import SIMPLE
from rich.table import Column, Table

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.budgets import BudgetPoint
from dynanoise_export.attacks.results import Result
from dynanoise_export.reports.attack_readings import best_of_each_reading
from dynanoise_export.reports.attack_wording import domain_of, is_inside, who
from dynanoise_export.reports.terminal import words

# AUCs from which on a figure is shown in red, and in yellow.
RED, YELLOW = 0.6, 0.55
# The FPRs whose TPRs have a column.
SHOWN_FPRS = (0.01, 0.001)

READINGS = "the best attack on each reading of the query plans; labels: it looks at labels alone"


def budget_table(report: AttackReport) -> Table:
    """Show the strongest attackers for each budget: of all, inside the domain of the rows, and by labels alone."""
    fprs = [fpr for fpr in SHOWN_FPRS if report.largest_tpr(fpr) is not None]
    table = Table(
        Column("budget", justify="right"),
        Column("the strongest", overflow="fold"),
        Column("AUC", no_wrap=True),
        *(Column(f"TPR at\n{100 * fpr:g}% FPR", justify="right", no_wrap=True) for fpr in fprs),
        box=SIMPLE, show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for point in report.curve:
        for place, (kind, result) in enumerate(_kinds(point, report)):
            name = words(f"{kind}{who(result, report.defence is not None)}")
            interval = words(f" [{short(result.auc.low)}, {short(result.auc.high)}]")
            tprs = (_tpr(result, fpr) for fpr in fprs)
            table.add_row("" if place else f"{point.budget}", name, f"{coloured(result)}{interval}", *tprs)
    return table


def budget_legend(report: AttackReport) -> str:
    """Explain the table of the budgets."""
    return (
        f"budget: the most queries for each row; {report.domain}: the strongest inside the domain of the rows; labels: "
        "the strongest by labels alone"
    )


def reading_table(report: AttackReport) -> Table:
    """Show what the best attack makes of each reading of the query plans, the strongest first."""
    table = Table(
        Column("query plans", overflow="fold"),
        Column("queries", justify="right"),
        "domain",
        "answers",
        Column("AUC", justify="right"),
        Column(f"TPR at\n{100 * SHOWN_FPRS[0]:g}% FPR", justify="right"),
        box=SIMPLE, show_edge=False, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for result in best_of_each_reading(report):
        attacker = result.attacker
        table.add_row(
            words(attacker.name),
            f"{attacker.queries}",
            str(domain_of(result, report)),
            "labels" if result.labels_only else "",
            coloured(result),
            _tpr(result, SHOWN_FPRS[0]),
        )
    return table


def coloured(result: Result) -> str:
    """Write an AUC in the colour of its size, without the 0 before its point."""
    value = result.auc.value
    colour = "red" if value >= RED else "yellow" if value >= YELLOW else "green"
    return f"[{colour}]{short(value)}[/]"


def short(value: float) -> str:
    """Write a figure of at most 1 without the 0 before its point."""
    return f"{value:.3f}".replace("0.", ".", 1)


def _kinds(point: BudgetPoint, report: AttackReport) -> Iterator[tuple[str, Result]]:
    yield "", point.strongest
    if not is_inside(point.strongest, report):
        yield f"{report.domain}: ", point.inside
    if point.labels is not point.strongest:
        yield "labels: ", point.labels


def _tpr(result: Result, fpr: float) -> str:
    measured = result.tpr[fpr]
    return "–" if measured is None else f"{measured.value:.1%}"
