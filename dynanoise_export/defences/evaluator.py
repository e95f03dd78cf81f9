"""A small attack classifier that a defence carries: how much an answer looks like that of a member.

It has one hidden layer of tanh, so its gradient is smooth and has a closed form, which a graph computes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from dynanoise_export.defences.tensor_shapes import require_shape
from dynanoise_export.errors import DataError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Bools, Float64s, Floats

HIDDEN = 16
# A smoother classifier is hardly worse, and its gradient leads to the goal without detours.
DECAY = 1e-2
MOST_TURNS = 300
# A feature that varies less than this is not scaled up any further.
LEAST_SPREAD = 0.1
TENSORS = ("hidden_weights", "hidden_bias", "output_weights", "output_bias")


@dataclass(frozen=True)
class Evaluator:
    """An attack classifier: f features to the logarithm of the odds that a row is a member.

    Attributes:
        hidden_weights: [f, h].
        hidden_bias: [1, h].
        output_weights: [1, h].
        output_bias: [1, 1].
    """

    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    output_bias: Floats

    @classmethod
    def of(cls, tensors: Mapping[str, FixedTensor]) -> "Evaluator":
        """Take it from the tensors of a defence."""
        return cls(*(tensors[name].array for name in TENSORS))

    def tensors(self) -> dict[str, FixedTensor]:
        """Give it as the tensors of a defence."""
        return {name: FixedTensor.of(getattr(self, name)) for name in TENSORS}

    def log_odds(self, features: Floats) -> Floats:
        """Judge features [n, f]: [n, 1], above 0 for what looks like a member."""
        return self.with_gradient(features)[0]

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Judge features [n, f], and give the gradient of the log-odds by them: [n, 1] and [n, f]."""
        hidden = np.tanh(features @ self.hidden_weights + self.hidden_bias)
        log_odds = (hidden * self.output_weights).sum(axis=1, keepdims=True) + self.output_bias
        return log_odds, ((1 - hidden**2) * self.output_weights) @ self.hidden_weights.T


def require_evaluator(tensors: Mapping[str, FixedTensor], features: int) -> None:
    """Check that tensors are an evaluator of f features.

    Raises:
        UsageError: they are not.
    """
    weights = tensors["hidden_weights"]
    hidden = weights.shape[-1] if len(weights.shape) == 2 else None
    for name, axes in zip(TENSORS, ((features, hidden), (1, hidden), (1, hidden), (1, 1)), strict=True):
        require_shape(name, tensors[name], *axes)


def fit_evaluator(features: Float64s, member: Bools, generator: np.random.Generator) -> Evaluator:
    """Train an evaluator by logistic regression with one hidden layer; both classes weigh the same.

    Args:
        features: [n, f], of answers.
        member: bool [n], whether the model that gave the answer was trained on the row.
        generator: draws the first weights.

    Raises:
        DataError: there are only members, or none.
    """
    if member.all() or not member.any():
        raise DataError("Fitting a defence needs members and non-members among the rows.")
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.maximum(spread, LEAST_SPREAD)
    scaled, count = (features - mean) / spread, features.shape[1]
    weights = np.where(member, 0.5 / member.sum(), 0.5 / (~member).sum())
    start = np.concatenate([
        generator.normal(0, 1 / np.sqrt(count), count * HIDDEN), np.zeros(HIDDEN),
        generator.normal(0, 1 / np.sqrt(HIDDEN), HIDDEN), [0.0],
    ])  # fmt: skip
    found = minimize(_loss, start, (scaled, member, weights), "L-BFGS-B", jac=True, options={"maxiter": MOST_TURNS}).x
    raw = _unpacked(found, count)
    hidden = raw.hidden_weights / spread[:, None]
    return Evaluator(hidden, raw.hidden_bias - mean @ hidden, raw.output_weights, raw.output_bias)


def _unpacked(parameters: Float64s, features: int) -> Evaluator:
    ends = np.cumsum([features * HIDDEN, HIDDEN, HIDDEN])
    hidden, bias, out, last = np.split(parameters, ends)
    return Evaluator(hidden.reshape(features, HIDDEN), bias[None], out[None], last[None])


def _loss(parameters: Float64s, x: Float64s, member: Bools, weights: Float64s) -> tuple[float, Float64s]:
    """Compute the weighted cross-entropy with weight decay, and its gradient."""
    net = _unpacked(parameters, x.shape[1])
    hidden = np.tanh(x @ net.hidden_weights + net.hidden_bias)
    log_odds = hidden @ net.output_weights[0] + net.output_bias[0, 0]
    loss = weights @ np.logaddexp(0, np.where(member, -log_odds, log_odds)) + DECAY / 2 * parameters @ parameters
    error = weights * (expit(log_odds) - member)
    back = error[:, None] * net.output_weights * (1 - hidden**2)
    gradient = np.concatenate([(x.T @ back).ravel(), back.sum(axis=0), error @ hidden, [error.sum()]])
    return float(loss), gradient + DECAY * parameters
