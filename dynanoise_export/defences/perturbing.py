"""Steps that move an answer until an evaluator judges it otherwise: what `memguard` and `targeted` share, in NumPy.

Each step is a Newton step along the gradient: as far as the gradient says that the evaluator's log-odds reach the goal,
and no farther than a limit, which shrinks from step to step. So an answer follows its logits without jumps, and a
runtime that rounds otherwise gives the same answer.
"""

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Floats

# A class so far below the top has no probability that a client sees; its gradient would underflow float32.
FLOOR = -50.0
# Keep divisions by a gradient of zero finite.
LEAST_SIZE, LEAST_SQUARES = 1e-30, 1e-6


def log_probabilities_above_floor(logits: Floats) -> Floats:
    """Compute log p of logits [n, k], at least −50."""
    return np.asarray(np.maximum(log_softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), axis=1), FLOOR))


def by_logits(p: Floats, by_probabilities: Floats, at_label: Floats) -> Floats:
    """Turn a gradient by probabilities into the gradient by logits, pᵢ (aᵢ − Σ pⱼ aⱼ).

    It is computed relative to the label's entry, so that float32 keeps its digits where the label is nearly certain.

    Args:
        p: [n, k].
        by_probabilities: a, [n, k].
        at_label: a at the label, [n, 1].
    """
    relative = by_probabilities - at_label
    return np.asarray(p * (relative - (p * relative).sum(axis=1, keepdims=True)))


def shares(steps: int) -> list[float]:
    """Give the limit of each step as a share of the first one's."""
    return [1 - step / steps for step in range(steps)]


def newton_step(gradient: Floats, excess: Floats, most: float) -> Floats:
    """Give the move [n, k] of logits that takes the excess away, as far as the gradient can say.

    Args:
        gradient: [n, k], of the log-odds.
        excess: [n, 1], how far the log-odds are above the goal.
        most: how far the logits of a query may move in all.
    """
    size = np.maximum(np.abs(gradient).sum(axis=1, keepdims=True), LEAST_SIZE)
    direction = gradient / size
    squares = np.maximum((direction**2).sum(axis=1, keepdims=True), LEAST_SQUARES)
    return np.asarray(-direction * np.clip(excess / (size * squares), -most, most))
