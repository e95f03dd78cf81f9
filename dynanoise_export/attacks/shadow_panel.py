"""A few shadow models that play the target, to choose a plan's settings before the target is asked."""

from collections.abc import Sequence

import numpy as np

from dynanoise_export.attacks.asking.measuring import measure
from dynanoise_export.attacks.asking.shadow_ask import ShadowAsk
from dynanoise_export.attacks.methods.bavaria import online
from dynanoise_export.attacks.metrics.auc import placements
from dynanoise_export.attacks.queries.query_plan import Ask, PreparedPlan
from dynanoise_export.attacks.row_samples import row_sample
from dynanoise_export.types import Arrays, Bools, Float32s, Float64s, Int64s

# So many models choose the settings, on a sample of so many rows.
MODELS, SAMPLE = 8, 512


class ShadowPanel:
    """Some open shadow models.

    Args:
        asks: the models.
        trained_on: bool [p, n], whether each was trained on a row.
        inputs: all n rows of the audit.
        y: int64 [n], their labels.
    """

    def __init__(self, asks: Sequence[ShadowAsk], trained_on: Bools, inputs: Arrays, y: Int64s) -> None:
        self._asks, self.trained_on = asks, trained_on
        self._inputs, self._y = inputs, y
        self._sample = row_sample(len(y), SAMPLE)

    def __len__(self) -> int:
        return len(self._asks)

    def ask(self, model: int) -> Ask:
        """Ask a model behind the defence."""
        return self._asks[model]

    def logits(self, model: int, inputs: Arrays) -> Float32s:
        """Ask a model without the defence: logits [b, k]."""
        return self._asks[model].logits(inputs)

    def strength(self, plan: PreparedPlan) -> Float64s:
        """Measure how well each reading tells members from non-members: AUC [r]."""
        read = np.stack([measure(plan, ask, self._inputs, self._y, self._sample) for ask in self._asks])
        return np.array([played_auc(read[:, one], self.trained_on[:, self._sample]) for one in range(read.shape[1])])


def played_auc(readings: Float64s, trained_on: Bools) -> float:
    """Let each shadow model play the target, and judge its readings with the others by BaVarIA: the mean AUC.

    Args:
        readings: [m, n].
        trained_on: bool [m, n].
    """
    found = []
    for model in range(len(readings)):
        others = np.delete(np.arange(len(readings)), model)
        inside = trained_on[others].sum(axis=0)
        # A row that no other model, or each, was trained on can't be judged.
        known = (inside > 0) & (inside < len(others))
        asked = readings[others][:, known], trained_on[others][:, known]
        scores = online(readings[model, known], *asked, student_t=True)
        member = trained_on[model, known]
        if member.any() and not member.all():
            found.append(float(placements(scores, member).members.mean()))
    return float(np.mean(found)) if found else 0.5
