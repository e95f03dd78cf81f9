"""Rows of logits and of probabilities."""

import numpy as np

from dynanoise_export.types import Array, Bools, Float64s

# Sums of up to 100,000 probabilities in float32 differ from 1 by less.
SUM_TOLERANCE = 1e-3


def distributed(answers: Array) -> Bools:
    """Find which answers [..., k] are distributions over the classes: no NaN, none below 0, a sum of 1."""
    values = answers.astype(np.float64)
    return np.asarray((values >= 0).all(axis=-1) & (np.abs(values.sum(axis=-1) - 1) < SUM_TOLERANCE))


def are_probabilities(answers: Array) -> bool:
    """Whether answers have the shape [n, k], are floats, and every row is a distribution over the classes."""
    if answers.ndim != 2 or not np.issubdtype(answers.dtype, np.floating):
        return False
    return bool(distributed(answers).all())


def centred(logits: Float64s) -> Float64s:
    """Subtract the maximum of each row [n, k], which a softmax does not see; infinities become large numbers."""
    finite = np.clip(logits, -1e30, 1e30)
    return np.asarray(finite - finite.max(axis=1, keepdims=True), dtype=np.float64)
