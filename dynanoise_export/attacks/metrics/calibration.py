"""How far a model's confidence is from its accuracy."""

import numpy as np
import numpy.typing as npt

BINS = 15


def calibration_error(log_p: npt.NDArray[np.floating], y: npt.NDArray[np.int64], bins: int = BINS) -> float:
    """Compute the expected calibration error of answers [n, k]: how far confidence is from accuracy, bin by bin.

    Source: Guo et al. 2017, equation 3; bins of equal width.
    """
    confidence = np.exp(log_p.max(axis=1).astype(np.float64))
    right = log_p.argmax(axis=1) == y
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    apart = np.bincount(places, weights=right - confidence, minlength=bins)
    return float(np.abs(apart).sum() / len(y))
