"""What attacks got."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.attacks.metrics.accuracy import Verdicts
from dynanoise_export.attacks.metrics.auc import Placements
from dynanoise_export.attacks.metrics.roc import Curve
from dynanoise_export.intervals import Interval

# The rates at which the left end of the ROC curve is told.
FPRS = (0.01, 0.001, 0.0001)


@dataclass(frozen=True)
class Result:
    """What one attack by one attacker got.

    Attributes:
        attack: the attack.
        attacker: the attacker.
        scores: [judged rows], larger for likely members.
        placed: their places among those of the other side.
        curve: their ROC curve.
        auc: the area under it.
        tpr: the TPR at each FPR of `FPRS`; None where there are too few non-members to tell.
        verdicts: at the attack's threshold.
        threshold: where that comes from: "fixed", "shadow models", or "these rows", which flatters the attack.
        best_balanced_accuracy: at the best threshold for these very rows.
        epsilon: a lower bound at 95%.
        gained: how much AUC the same attack got without the defence, less what it gets with it; None where there is
            nothing to compare with.
    """

    attack: Attack
    attacker: Attacker
    scores: npt.NDArray[np.float64]
    placed: Placements
    curve: Curve
    auc: Interval
    tpr: dict[float, Interval | None]
    verdicts: Verdicts
    threshold: str
    best_balanced_accuracy: float
    epsilon: float
    gained: Interval | None = None

    @property
    def constant(self) -> bool:
        """Whether all rows got the same score, so that nothing was told."""
        return bool((self.scores == self.scores[0]).all())
