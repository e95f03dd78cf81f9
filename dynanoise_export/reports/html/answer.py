"""The answer: what the strongest attacks achieved."""

from dataclasses import dataclass

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_grid import attacker_name, model_names
from dynanoise_export.reports.attack_readings import best_of_each_plan


@dataclass(frozen=True)
class Bar:
    """The strongest attack of one attacker, or of one query plan.

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
    """List the strongest attack on the undefended model, by each attacker who sends the rows, and by each plan."""
    names, worst, bars = model_names(report), report.worst, []
    defended = report.defence is not None
    if report.without:
        bars.append(Bar(names.reference, max(report.without, key=_auc), False))
    own = [result for result in report.results if not result.attacker.plan]
    for attacker in dict.fromkeys(result.attacker for result in own):
        best = max((result for result in own if result.attacker == attacker), key=_auc)
        bars.append(Bar(attacker_name(attacker, defended) if defended else names.model, best, best is worst))
    return [*bars, *(Bar(best.attacker.name, best, best is worst) for best in best_of_each_plan(report))]


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
