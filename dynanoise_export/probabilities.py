"""Rows of logits and of probabilities."""

import numpy as np

from dynanoise_export.types import Array, Bools, Float64s, Floats

# Sums of up to 100,000 probabilities in float32 differ from 1 by less.
SUM_TOLERANCE = 1e-3
# One minus a sum of probabilities in float32 may lie so far below 0.
BELOW_ZERO = 1e-5


def distributed(answers: Array) -> Bools:
    """Find which answers [..., k] are distributions, up to rounding: no probability below 0, a sum of 1, no NaN."""
    values = answers.astype(np.float64)
    return np.asarray((values >= -BELOW_ZERO).all(axis=-1) & (np.abs(values.sum(axis=-1) - 1) < SUM_TOLERANCE))


def are_probabilities(answers: Array) -> bool:
    """Whether answers have the shape [n, k], are floats, and every row is a distribution over the classes."""
    if answers.ndim != 2 or not np.issubdtype(answers.dtype, np.floating):
        return False
    return bool(distributed(answers).all())


def log_probabilities(logits: Floats) -> Float64s:
    """Compute the log-softmax of logits [n, k] in float64; infinities become large numbers."""
    z = centred(logits.astype(np.float64))
    return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def centred(logits: Float64s) -> Float64s:
    """Subtract the maximum of each row [n, k], which a softmax does not see; infinities become large numbers."""
    finite = np.clip(logits, -1e30, 1e30)
    return np.asarray(finite - finite.max(axis=1, keepdims=True), dtype=np.float64)
