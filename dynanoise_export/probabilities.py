"""Rows of logits and of probabilities: what several rooms ask of them."""

import numpy as np
import numpy.typing as npt

# Float32 sums of up to 100,000 probabilities stray this far from 1.
SUM_TOLERANCE = 1e-3


def distributed(answers: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Tell which answers [..., k] are distributions over the classes: no NaN, none below 0, a sum of 1."""
    values = answers.astype(np.float64)
    return np.asarray((values >= 0).all(axis=-1) & (np.abs(values.sum(axis=-1) - 1) < SUM_TOLERANCE))


def are_probabilities(answers: npt.NDArray[np.generic]) -> bool:
    """Whether each row of [n, k] is a distribution over the classes."""
    if answers.ndim != 2 or not np.issubdtype(answers.dtype, np.floating):
        return False
    return bool(distributed(answers).all())


def centred(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Take out of each row [n, k] what a softmax does not see, a constant; infinities become large numbers."""
    finite = np.clip(logits, -1e30, 1e30)
    return np.asarray(finite - finite.max(axis=1, keepdims=True), dtype=np.float64)
