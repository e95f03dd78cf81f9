"""Figures with 95% intervals, and exact bounds on probabilities."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from dynanoise_export.types import Float64s

# The confidence of an interval, two-sided.
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A measured figure and its 95% confidence interval.

    Attributes:
        value: the figure.
        low: the lower end of the interval.
        high: the upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean(values: npt.NDArray[np.floating]) -> Interval:
    """Compute the mean of independent values [n] with its interval by the normal distribution."""
    value = float(values.mean())
    half = float(norm.ppf((1 + LEVEL) / 2) * values.std() / np.sqrt(len(values)))
    return Interval(value, value - half, value + half)


def proportion(count: int, total: int, error: float = 1 - LEVEL) -> Interval:
    """Compute a share of trials with its exact interval (Clopper and Pearson 1934).

    Args:
        count: the number of successes.
        total: the number of trials.
        error: how often the interval may miss the true probability, at most.
    """
    low, high = lower_bound(count, total, error / 2), upper_bound(count, total, error / 2)
    return Interval(count / total, float(low), float(high))


def lower_bound(count: npt.ArrayLike, total: npt.ArrayLike, error: float) -> Float64s:
    """Compute exact lower bounds on a probability.

    Args:
        count: numbers of successes, of any shape.
        total: the number of trials, one for all or each its own.
        error: how often a bound may be above the true probability, at most.
    """
    counts, totals = np.asarray(count, dtype=np.float64), np.asarray(total, dtype=np.float64)
    return np.where(counts == 0, 0.0, beta.ppf(error, np.maximum(counts, 1), totals - counts + 1))


def upper_bound(count: npt.ArrayLike, total: npt.ArrayLike, error: float) -> Float64s:
    """Compute exact upper bounds on a probability; the arguments are those of `lower_bound`."""
    counts, totals = np.asarray(count, dtype=np.float64), np.asarray(total, dtype=np.float64)
    return np.where(counts == totals, 1.0, beta.ppf(1 - error, counts + 1, np.maximum(totals - counts, 1)))
