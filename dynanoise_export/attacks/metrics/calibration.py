"""The calibration error: the distance between a model's confidence and its accuracy."""

import numpy as np

from dynanoise_export.types import Floats, Int64s

BINS = 15


def calibration_error(log_p: Floats, y: Int64s, bins: int = BINS) -> float:
    """Compute the expected calibration error: the distance between confidence and accuracy, averaged over bins.

    Args:
        log_p: [n, k], the log-probabilities of answers.
        y: int64 [n], the labels.
        bins: the number of bins, of equal width.

    Source: Guo et al. 2017, equation 3.
    """
    confidence = np.exp(log_p.max(axis=1).astype(np.float64))
    correct = log_p.argmax(axis=1) == y
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    apart = np.bincount(bin_of, weights=correct - confidence, minlength=bins)
    return float(np.abs(apart).sum() / len(y))
