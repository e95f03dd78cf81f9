"""How useful the answers are, as rows of a table: for the terminal and the page."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.table import Column, Table

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.utility import Utility
from dynanoise_export.reports.attack_grid import model_names

USEFULNESS = "of one answer to each non-member, flips of all judged rows; accuracies: more is better, others: less"


@dataclass(frozen=True)
class UsefulnessRow:
    """A figure.

    Attributes:
        name: of the figure.
        own: of the attacked model.
        plain: of the model that it is compared with; "" without one.
    """

    name: str
    own: str
    plain: str


def usefulness_rows(report: AttackReport) -> Iterator[UsefulnessRow]:
    """List the figures with and without the defence, and the labels that it flips."""
    own, plain = (_figures(one) for one in (report.utility, report.plain_utility))
    for name, figure in own.items():
        yield UsefulnessRow(name, figure, plain.get(name, ""))
    if report.cost is not None:
        yield UsefulnessRow("labels flipped", f"{report.cost.flips:.2%}", "")


def usefulness_table(report: AttackReport) -> Table:
    """Show the figures side by side on a terminal."""
    compared = report.plain_utility is not None
    other = (Column(model_names(report).reference_short, justify="right"),) if compared else ()
    own = Column("model" if report.defence is None else "with", justify="right")
    table = Table("usefulness", *other, own, box=SIMPLE, show_edge=False, pad_edge=False)
    for row in usefulness_rows(report):
        table.add_row(row.name, *((row.plain,) if compared else ()), row.own)
    return table


def _figures(utility: Utility | None) -> dict[str, str]:
    if utility is None:
        return {}
    best = {} if utility.top_5_accuracy is None else {"top-5 accuracy": f"{utility.top_5_accuracy:.3f}"}
    return {
        "accuracy": str(utility.accuracy),
        **best,
        "negative log-likelihood": str(utility.negative_log_likelihood),
        "Brier score": str(utility.brier_score),
        "calibration error": f"{utility.calibration_error:.3f}",
        "risk–coverage area": f"{utility.risk_coverage_area:.4f}",
    }
