"""What attacks look at in an answer: a few numbers for each row."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import logsumexp

from dynanoise_export.types import Float64s, Floats, Int64s


@dataclass(frozen=True)
class Signals:
    """Numbers computed from answers to n rows, or from the answers of m models: each of shape [n] or [m, n].

    Attributes:
        confidence: the largest log-probability.
        margin: the largest probability less the second largest.
        label: the log-probability of the row's label, which is the negative loss.
        logit: log(p / (1 - p)) of the label's probability p, the scaled confidence of LiRA.
        entropy: H, in nats.
        modified_entropy: Song and Mittal's, in nats; small if the model is sure of the label.
        correct: whether the label has the largest probability, 0 or 1.
    """

    confidence: Float64s
    margin: Float64s
    label: Float64s
    logit: Float64s
    entropy: Float64s
    modified_entropy: Float64s
    correct: Float64s

    def __getitem__(self, index: Any) -> "Signals":
        """Select models or rows."""
        return Signals(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def signals(answers: Floats, y: Int64s) -> Signals:
    """Compute the signals of answers.

    Args:
        answers: [n, k], normalised log-probabilities; of several answers, their mean, normalised by a softmax.
        y: int64 [n], the labels.

    Source: Carlini et al. 2022, section IV-C, for the scaled confidence, in a form that keeps its digits if p is near
    1; Song and Mittal 2021, equation 6, for the modified entropy.
    """
    log_p: Float64s = answers.astype(np.float64)
    rows = np.arange(len(y))
    label: Float64s = log_p[rows, y]
    p = np.exp(log_p)
    top = np.partition(p, -2, axis=1)[:, -2:]
    first = log_p.argmax(axis=1)
    others = log_p.copy()
    others[rows, first] = -np.inf
    log_rest = np.log1p(-np.minimum(p, 0.75))  # log(1 - p) of each class; at most one p is larger than a half
    log_rest[rows, first] = np.minimum(logsumexp(others, axis=1), 0)
    wrong = p * log_rest
    wrong[rows, y] = 0
    return Signals(
        confidence=log_p.max(axis=1),
        margin=top[:, 1] - top[:, 0],
        label=label,
        logit=label - log_rest[rows, y],
        entropy=-(p * log_p).sum(axis=1),
        modified_entropy=-np.exp(log_rest[rows, y]) * label - wrong.sum(axis=1),
        correct=(log_p.argmax(axis=1) == y).astype(np.float64),
    )


def stacked(models: list[Signals]) -> Signals:
    """Stack the signals [n] of m models as [m, n]."""
    return Signals(**{field.name: np.stack([getattr(one, field.name) for one in models]) for field in fields(Signals)})
