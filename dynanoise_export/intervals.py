"""Intervals of figures."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

# Two-sided.
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A figure and what it may be, with 95% confidence."""

    value: float
    low: float
    high: float


def share(count: int, of: int, error: float = 1 - LEVEL) -> Interval:
    """Give a share of trials with its exact interval (Clopper and Pearson 1934), wrong so often at most."""
    return Interval(count / of, float(lower(count, of, error / 2)), float(upper(count, of, error / 2)))


def lower(count: np.typing.ArrayLike, of: int, error: float) -> np.typing.NDArray[np.float64]:
    """Give what a probability is at least, for counts of successes, by an exact bound that is wrong so often."""
    counts = np.asarray(count, dtype=np.float64)
    return np.where(counts == 0, 0.0, beta.ppf(error, np.maximum(counts, 1), of - counts + 1))


def upper(count: np.typing.ArrayLike, of: int, error: float) -> np.typing.NDArray[np.float64]:
    """Give what a probability is at most, likewise."""
    counts = np.asarray(count, dtype=np.float64)
    return np.where(counts == of, 1.0, beta.ppf(1 - error, counts + 1, np.maximum(of - counts, 1)))
