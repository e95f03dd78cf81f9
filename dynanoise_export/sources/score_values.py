"""What the values of a classifier's scores say about them."""

from collections.abc import Callable
from enum import Enum

import numpy as np
from scipy.special import expit, softmax

from dynanoise_export.probabilities import SUM_TOLERANCE, are_probabilities
from dynanoise_export.types import Array, Bools, Float64s

# Below this number of classes, and of different rows, scores are often sorted by chance.
SORTED_CLASSES, SORTED_ROWS = 5, 4

# How far a model's own answer may be from the softmax of its logits: because of float16 (relative, and absolute where
# float16 has fewer digits), and because of quantisation.
RELATIVE, ABSOLUTE, ROUNDED = 1e-2, 1e-5, 2e-2


def agree(scores: Float64s, logits: Float64s, *, rounded: bool) -> Bools:
    """Find the rows in which scores [n, k] are the softmax of logits [n, k] or its logarithm; for k = 1, the sigmoid.

    Args:
        scores: of a model.
        logits: that were found behind them.
        rounded: whether the scores were rounded, as quantisation does.
    """
    answer = np.exp(scores) if (scores < 0).any() else scores
    expected = expit(logits) if logits.shape[1] == 1 else softmax(logits, axis=1)
    limit = ROUNDED if rounded else ABSOLUTE + RELATIVE * expected
    return np.asarray((np.abs(answer - expected) <= limit).all(axis=1))


class Doubt(Enum):
    """Why scores can't be logits; the value says what was seen."""

    NOT_A_NUMBER = "are not numbers (NaN)"
    INFINITE = "are infinite, which noise does not change"
    PERCENTAGES = "are percentages: they lie between 0 and 100, and each row sums to 100"
    SORTED = "are sorted in every row, so that a class has no place of its own"
    INDEPENDENT = "lie between 0 and 1 and do not sum to 1, like sigmoids or rounded probabilities"
    UNIT_NORM = "have the length 1 in every row, like embeddings"


def doubt_about(scores: Array, *, linear: bool) -> Doubt | None:
    """Say why scores [n, k] that are not probabilities can't be logits; None if they can.

    Args:
        scores: of several rows.
        linear: whether a linear layer made them. Its scores may look like anything by chance, but not sum to 100.
    """
    values = np.asarray(scores, np.float64)
    certain: dict[Doubt, Callable[[Float64s], bool]] = {
        Doubt.NOT_A_NUMBER: lambda z: bool(np.isnan(z).any()),
        Doubt.INFINITE: lambda z: bool(np.isinf(z).any()),
        Doubt.PERCENTAGES: lambda z: _within(z, 100) and _is(z.sum(axis=1), 100),
    }
    likely: dict[Doubt, Callable[[Float64s], bool]] = {
        Doubt.SORTED: _are_sorted,
        Doubt.INDEPENDENT: lambda z: _within(z, 1),
        Doubt.UNIT_NORM: lambda z: _is(np.linalg.norm(z, axis=1), 1),
    }
    rules = certain if linear else certain | likely
    return next((doubt for doubt, fits in rules.items() if fits(values)), None)


def look_like_logits(scores: Array) -> bool:
    """Whether scores [n, k] are neither probabilities nor anything else that can't be logits."""
    return not are_probabilities(scores) and doubt_about(scores, linear=False) is None


def _within(values: Float64s, limit: float) -> bool:
    return bool(((values >= 0) & (values <= limit)).all())


def _is(values: Float64s, number: float) -> bool:
    return bool((np.abs(values / number - 1) < SUM_TOLERANCE).all())


def _are_sorted(values: Float64s) -> bool:
    different = np.unique(values, axis=0)
    if different.shape[0] < SORTED_ROWS or different.shape[1] < SORTED_CLASSES:
        return False
    steps = np.diff(different, axis=1)
    return bool((steps <= 0).all() or (steps >= 0).all())
