"""The answer: what the strongest attacks got."""

from dataclasses import dataclass

from dynanoise_export.attacks.attacking_model import AttackReport
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_grid import called, sides


@dataclass(frozen=True)
class Bar:
    """The strongest attack of one attacker.

    Attributes:
        attacker: as the page calls it.
        result: what the attack got.
        worst: whether it is the worst of all on the model.
    """

    attacker: str
    result: Result
    worst: bool


@dataclass(frozen=True)
class Found:
    """How many members are found at the smallest FPR that can be told.

    Attributes:
        fpr: that FPR.
        result: of the attack that finds most.
        tpr: its TPR there.
        without: the same attack's on the undefended model, where there is one.
    """

    fpr: float
    result: Result
    tpr: Interval
    without: Interval | None


def strongest(report: AttackReport) -> list[Bar]:
    """List the strongest attack on the undefended model, and that of each attacker of the model."""
    names, worst, bars = sides(report), report.worst, []
    defended = report.attacked.head is not None
    if report.without:
        bars.append(Bar(names["compared"], max(report.without, key=_auc), False))
    for attacker in dict.fromkeys(result.attacker for result in report.results):
        best = max((result for result in report.results if result.attacker == attacker), key=_auc)
        name = called(attacker, defended) if defended or attacker.labels_only else names["attacked"]
        bars.append(Bar(name, best, best is worst))
    return bars


def most_found(report: AttackReport) -> Found | None:
    """Find the attack that finds most members at the smallest FPR that these rows can tell, if they can tell any."""
    for fpr in sorted(FPRS):
        result = report.finds_most(fpr)
        if result is not None and (tpr := result.tpr[fpr]) is not None:
            plain = report.plain_of(result)
            return Found(fpr, result, tpr, None if plain is None else plain.tpr[fpr])
    return None


def _auc(result: Result) -> float:
    return result.auc.value
