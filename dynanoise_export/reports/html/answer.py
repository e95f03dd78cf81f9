"""The answer: what the strongest attacks achieved."""

from dataclasses import dataclass

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_grid import attacker_name, model_names


@dataclass(frozen=True)
class Bar:
    """The strongest attack of one attacker.

    Attributes:
        attacker: its name on the page.
        result: of the attack.
        worst: whether it is the worst attack on the model.
    """

    attacker: str
    result: Result
    worst: bool


@dataclass(frozen=True)
class MembersFound:
    """The share of members that an attack finds at the smallest FPR that the rows can measure.

    Attributes:
        fpr: that FPR.
        result: of the attack that finds most.
        tpr: its TPR there.
        without: the TPR of the same attack on the undefended model, or None.
    """

    fpr: float
    result: Result
    tpr: Interval
    without: Interval | None


def strongest(report: AttackReport) -> list[Bar]:
    """List the strongest attack on the undefended model, and that of each attacker of the model."""
    names, worst, bars = model_names(report), report.worst, []
    defended = report.defence is not None
    if report.without:
        bars.append(Bar(names.reference, max(report.without, key=_auc), False))
    for attacker in dict.fromkeys(result.attacker for result in report.results):
        best = max((result for result in report.results if result.attacker == attacker), key=_auc)
        name = attacker_name(attacker, defended) if defended or attacker.labels_only else names.model
        bars.append(Bar(name, best, best is worst))
    return bars


def members_found(report: AttackReport) -> MembersFound | None:
    """Find the attack with the largest TPR at the smallest FPR that the rows can measure; None if they are too few."""
    for fpr in sorted(FPRS):
        result = report.largest_tpr(fpr)
        if result is not None and (tpr := result.tpr[fpr]) is not None:
            plain = report.without_defence(result)
            return MembersFound(fpr, result, tpr, None if plain is None else plain.tpr[fpr])
    return None


def _auc(result: Result) -> float:
    return result.auc.value
