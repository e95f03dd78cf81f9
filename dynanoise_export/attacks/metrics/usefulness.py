"""How good answers are for honest clients, beyond whether the label is right.

Each function takes the log-probabilities of answers to n rows, [n, k], and the labels, int64 [n].
"""

import numpy as np

from dynanoise_export.intervals import Interval, mean
from dynanoise_export.types import Floats, Int64s

# An exact 0 counts as the smallest normal number of float32, with and without a defence.
SMALLEST_LOG = float(np.log(np.finfo(np.float32).tiny))


def negative_log_likelihood(log_p: Floats, y: Int64s) -> Interval:
    """Compute the mean of −log p of the label, in nats; a probability of 0 counts as float32's smallest, 87.3 nats."""
    of_label = log_p[np.arange(len(y)), y].astype(np.float64)
    return mean(-np.maximum(of_label, SMALLEST_LOG))


def brier_score(log_p: Floats, y: Int64s) -> Interval:
    """Compute the mean squared distance between the probabilities and the label as 0 and 1, from 0 to 2.

    Source: Brier 1950, over all classes.
    """
    apart = np.exp(log_p.astype(np.float64))
    apart[np.arange(len(y)), y] -= 1
    return mean((apart**2).sum(axis=1))


def risk_coverage_area(log_p: Floats, y: Int64s) -> float:
    """Compute the area under the risk–coverage curve: the mean error of the surest answers, over all shares of them.

    Where answers are equally sure, their order is random, and the error is the expected one. So if all are, the area is
    the error of all answers.

    Source: Geifman and El-Yaniv 2017, with the largest probability as the confidence.
    """
    wrong = (log_p.argmax(axis=1) != y).astype(np.float64)
    # Sorted with the surest first; equal ones share their mean error.
    _, place, count = np.unique(-log_p.max(axis=1), return_inverse=True, return_counts=True)
    expected = np.repeat(np.bincount(place, weights=wrong) / count, count)
    return float((np.cumsum(expected) / np.arange(1, len(y) + 1)).mean())


def top_accuracy(log_p: Floats, y: Int64s, among: int) -> float:
    """Compute how often the label is among the classes with the largest probabilities; ties are broken at random.

    Args:
        log_p: [n, k], k above `among`.
        y: [n].
        among: how many classes count.
    """
    own = log_p[np.arange(len(y)), y][:, None]
    larger, equal = (log_p > own).sum(axis=1), (log_p == own).sum(axis=1)
    return float(np.clip((among - larger) / equal, 0, 1).mean())
