"""What the values of a classifier's scores say about them."""

from collections.abc import Callable
from enum import Enum

import numpy as np
from scipy.special import softmax

from dynanoise_export.probabilities import BELOW_ZERO, SUM_TOLERANCE, are_probabilities
from dynanoise_export.types import Array, Bools, Float64s

# With fewer classes, or fewer rows that differ, scores often look so by chance.
SORTED_CLASSES, FEWEST_ROWS = 5, 4

# How far a model's own answer may be from the softmax of its logits: because of float16 (relative, and absolute where
# float16 has fewer digits), and because of quantisation.
RELATIVE, ABSOLUTE, ROUNDED = 1e-2, 1e-5, 2e-2


def agree(scores: Float64s, logits: Float64s, *, rounded: bool) -> Bools:
    """Find the rows in which scores [n, k] are the softmax of logits or its logarithm.

    Args:
        scores: of a model; [n, 1] if it has one score, for the second of two classes.
        logits: that were found behind them, [n, k]; [n, 1] if there is one, for the second of two classes.
        rounded: whether the scores were rounded, as quantisation does.
    """
    answer = np.exp(scores) if (scores < -BELOW_ZERO).any() else scores
    expected = softmax_of(logits, scores.shape[1])
    limit = ROUNDED if rounded else ABSOLUTE + RELATIVE * expected
    return np.asarray((np.abs(answer - expected) <= limit).all(axis=1))


def softmax_of(logits: Float64s, columns: int) -> Float64s:
    """Compute the softmax of logits [n, k] or of the one logit [n, 1] of two classes, and give its last columns."""
    both = np.concatenate([-logits / 2, logits / 2], axis=1) if logits.shape[1] == 1 else logits
    return np.asarray(softmax(both, axis=1)[:, -columns:])


class Doubt(Enum):
    """Why scores can't be logits; the value says what was seen."""

    NOT_A_NUMBER = "are not numbers (NaN)"
    INFINITE = "are infinite, which noise does not change"
    SHARES = "are never negative and have the same sum in every row, like percentages or votes"
    REVERSED = "are minus the logarithm of probabilities, so that the best class has the smallest"
    SORTED = "are sorted in every row, so that a class has no place of its own"
    INDEPENDENT = "lie between 0 and 1 and do not sum to 1, as in a multi-label classifier or after rounding"
    UNIT_NORM = "have the length 1 in every row, like embeddings"


def doubt_about(scores: Array, *, linear: bool) -> Doubt | None:
    """Say why scores [n, k] that are not probabilities can't be logits; None if they can.

    Args:
        scores: of several rows.
        linear: whether a linear layer made them. Its scores may look like anything by chance, but not have equal sums.
    """
    values = np.asarray(scores, np.float64)
    certain: dict[Doubt, Callable[[Float64s], bool]] = {
        Doubt.NOT_A_NUMBER: lambda z: bool(np.isnan(z).any()),
        Doubt.INFINITE: lambda z: bool(np.isinf(z).any()),
        Doubt.SHARES: _are_shares,
        Doubt.REVERSED: _are_reversed,
    }
    likely: dict[Doubt, Callable[[Float64s], bool]] = {
        Doubt.SORTED: _are_sorted,
        Doubt.INDEPENDENT: lambda z: within(z, 1),
        Doubt.UNIT_NORM: lambda z: _is(np.linalg.norm(z, axis=1), 1),
    }
    rules = certain if linear else certain | likely
    return next((doubt for doubt, fits in rules.items() if fits(values)), None)


def look_like_logits(scores: Array) -> bool:
    """Whether scores [n, k] are neither probabilities nor anything else that can't be logits."""
    return not are_probabilities(scores) and doubt_about(scores, linear=False) is None


def within(values: Float64s, limit: float) -> bool:
    """Whether all values lie between 0 and the limit, but for rounding."""
    return bool(((values >= -BELOW_ZERO * limit) & (values <= (1 + BELOW_ZERO) * limit)).all())


def _is(values: Float64s, number: float) -> bool:
    return bool((np.abs(values / number - 1) < SUM_TOLERANCE).all())


def _are_shares(values: Float64s) -> bool:
    sums = values.sum(axis=1)
    if values.shape[1] == 1 or (values < 0).any() or not sums.all():
        return False
    many = np.unique(values, axis=0).shape[0] >= FEWEST_ROWS
    return _is(sums, 100) or (many and bool((np.abs(sums / sums.mean() - 1) < ROUNDED).all()))


def _are_reversed(values: Float64s) -> bool:
    return values.shape[1] > 1 and bool((values >= 0).all()) and are_probabilities(np.exp(-values))


def _are_sorted(values: Float64s) -> bool:
    different = np.unique(values, axis=0)
    if different.shape[0] < FEWEST_ROWS or different.shape[1] < SORTED_CLASSES:
        return False
    steps = np.diff(different, axis=1)
    return bool((steps <= 0).all() or (steps >= 0).all())
