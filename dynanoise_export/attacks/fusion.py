"""Fusion: one score of several readings, chosen and weighed on shadow models that play the target.

Nothing is fitted on the target: the attacker knows who is a member of its own models' training sets, and not who is a
member of the target's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dynanoise_export.attacks.methods import bavaria
from dynanoise_export.attacks.metrics.auc import placements
from dynanoise_export.attacks.plan_readings import PlanReadings, ShadowReadings
from dynanoise_export.attacks.queries.query_plan import Reading
from dynanoise_export.types import Bools, Float64s

# How many shadow models play the target, and how many readings a fusion has at most.
PLAYED, MOST_PARTS = 8, 6
# A further reading must raise the AUC by so much.
LEAST_GAIN = 5e-4
FEWEST_SHADOWS = 4


@dataclass(frozen=True)
class Fusion:
    """A weighted sum of the log-likelihood ratios of several readings.

    Attributes:
        parts: the numbers of the readings.
        weights: float64 [parts].
        intercept: added to the sum, so that a score above 0 says "member".
        queries: how many queries for each row they take together.
    """

    parts: tuple[int, ...]
    weights: Float64s
    intercept: float
    queries: int


class Fusions:
    """Fits fusions for several budgets.

    Args:
        readings: with shadow models, at least `FEWEST_SHADOWS`.
    """

    def __init__(self, readings: PlanReadings) -> None:
        if readings.shadows is None:
            raise ValueError("a fusion needs shadow models")
        self._readings, self._shadows = readings, readings.shadows
        played = [_played(self._shadows, model) for model in range(min(PLAYED, len(self._shadows)))]
        self._ratios = np.concatenate([ratios for ratios, _ in played], axis=1)
        self._member = np.concatenate([member for _, member in played])
        self._alone = np.array([_auc(row, self._member) for row in self._ratios])

    def fit(self, budget: int, keep: Callable[[Reading], bool]) -> Fusion | None:
        """Choose and weigh readings.

        Args:
            budget: the most queries for each row.
            keep: which readings may be used.

        Returns:
            None if fewer than two readings help.
        """
        readings = [one.reading for one in self._readings.readings]
        allowed = [i for i, reading in enumerate(readings) if keep(reading) and reading.queries <= budget]
        parts = self._chosen(allowed, readings, budget)
        if len(parts) < 2:
            return None
        return Fusion(tuple(parts), *self._weights(parts), cost([readings[part] for part in parts]))

    def score(self, fusion: Fusion, own: Float64s) -> Float64s:
        """Score the target's readings [r, n]."""
        parts = list(fusion.parts)
        ratios = _ratios(own[parts], self._shadows.values[:, parts], self._shadows.trained_on)
        return np.asarray(fusion.weights @ ratios + fusion.intercept)

    def _chosen(self, allowed: Sequence[int], readings: Sequence[Reading], budget: int) -> list[int]:
        """Add readings as long as the sum of their log-likelihood ratios separates better."""
        parts: list[int] = []
        best, total = 0.5, np.zeros(self._ratios.shape[1])
        while len(parts) < MOST_PARTS:
            fitting = [i for i in allowed if i not in parts and cost([readings[p] for p in (*parts, i)]) <= budget]
            gains = {i: _auc(total + self._ratios[i], self._member) if parts else self._alone[i] for i in fitting}
            chosen = max(gains, key=lambda i: gains[i], default=None)
            if chosen is None or gains[chosen] < best + LEAST_GAIN:
                break
            parts.append(chosen)
            best, total = gains[chosen], total + self._ratios[chosen]
        return parts

    def _weights(self, parts: Sequence[int]) -> tuple[Float64s, float]:
        from sklearn.linear_model import LogisticRegression

        features = self._ratios[parts].T
        scale = features.std(axis=0) + 1e-12
        fitted = LogisticRegression().fit(features / scale, self._member)
        return fitted.coef_[0] / scale, float(fitted.intercept_[0])


def cost(readings: Sequence[Reading]) -> int:
    """Count the queries for each row that several readings take: those of one line share theirs."""
    lines: dict[str, int] = {}
    for reading in readings:
        lines[reading.line] = max(lines.get(reading.line, 0), reading.queries)
    return sum(lines.values())


def _played(shadows: ShadowReadings, model: int) -> tuple[Float64s, Bools]:
    """Let a model play the target: ratios [r, known rows] by the other models, and who is a member."""
    others = np.delete(np.arange(len(shadows)), model)
    trained_on = shadows.trained_on[others]
    inside = trained_on.sum(axis=0)
    known = (inside > 0) & (inside < len(others))
    ratios = _ratios(shadows.values[model][:, known], shadows.values[others][:, :, known], trained_on[:, known])
    return ratios, shadows.trained_on[model, known]


def _ratios(own: Float64s, shadows: Float64s, trained_on: Bools) -> Float64s:
    """Compute the log-likelihood ratio of each reading by BaVarIA: [r, n] and [m, r, n] to [r, n]."""
    return np.stack([bavaria.online(one, shadows[:, i], trained_on, student_t=True) for i, one in enumerate(own)])


def _auc(scores: Float64s, member: Bools) -> float:
    return float(placements(scores, member).members.mean())
