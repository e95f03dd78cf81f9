"""The result of one attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.attacks.metrics.accuracy import Verdicts
from dynanoise_export.attacks.metrics.auc import Placements
from dynanoise_export.attacks.metrics.roc import Curve
from dynanoise_export.intervals import Interval
from dynanoise_export.types import Bools, Float64s

# The false-positive rates at which the TPR is reported.
FPRS = (0.01, 0.001, 0.0001)


class ThresholdOrigin(StrEnum):
    """Where the threshold comes from at which an attack says "member"."""

    FIXED = "fixed"
    SHADOW_MODELS = "shadow-models"
    JUDGED_ROWS = "judged-rows"


@dataclass(frozen=True)
class Result:
    """What one attack by one attacker achieved on the r judged rows.

    Attributes:
        attack: the attack.
        attacker: the attacker.
        scores: float64 [r], larger for likely members.
        placements: of the scores, from which AUCs and their differences are computed.
        curve: the ROC curve.
        auc: the area under it.
        tpr: the TPR at each FPR of `FPRS`; None if there are too few non-members to measure it.
        said: bool [r], the attack's verdicts at its threshold, true for "member".
        verdicts: their accuracy.
        threshold: where that threshold comes from. One that is fitted on the judged rows flatters the attack.
        best_balanced_accuracy: at the best threshold for these very rows.
        epsilon: a lower bound on ε, with 95% confidence.
        auc_gained: the AUC of the same attack on the undefended model less this AUC; None if there is no such result.
    """

    attack: Attack
    attacker: Attacker
    scores: Float64s
    placements: Placements
    curve: Curve
    auc: Interval
    tpr: dict[float, Interval | None]
    said: Bools
    verdicts: Verdicts
    threshold: ThresholdOrigin
    best_balanced_accuracy: float
    epsilon: float
    auc_gained: Interval | None = None

    @property
    def constant(self) -> bool:
        """Whether all rows have the same score, which says nothing about membership."""
        return bool((self.scores == self.scores[0]).all())

    @property
    def labels_only(self) -> bool:
        """Whether it looks at the labels of answers alone."""
        return self.attack.labels_only or self.attacker.labels_only


def strongest(results: Sequence[Result]) -> Result:
    """Find the result with the largest AUC."""
    return max(results, key=lambda result: result.auc.value)


def counterpart(result: Result, others: Sequence[Result]) -> Result | None:
    """Find the result on another model that a result is compared with.

    An attack on the rows themselves is compared with the same attack on one answer of the other model: if that is
    undefended, its answers are all the same. An attack on chosen queries is compared with the strongest one.
    """
    if result.attacker.plan:
        return strongest(others) if others else None
    return next((other for other in others if other.attack.code == result.attack.code), None)
