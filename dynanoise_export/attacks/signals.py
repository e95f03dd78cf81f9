"""What attacks look at in an answer: a few numbers for each query."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Signals:
    """Numbers of answers to n queries, or of m models' answers to them: each of shape [n] or [m, n].

    Attributes:
        confidence: the largest log-probability.
        margin: the largest probability less the second largest.
        label: the log-probability of the query's label: the loss, negated.
        logit: log(p / (1 - p)) of the label's probability p, the scaled confidence of LiRA.
        entropy: H, in nats.
        modified_entropy: Song and Mittal's, in nats; small where the model is sure of the label.
        right: whether the label is on top, 0 or 1.
    """

    confidence: Floats
    margin: Floats
    label: Floats
    logit: Floats
    entropy: Floats
    modified_entropy: Floats
    right: Floats

    def __getitem__(self, which: Any) -> "Signals":
        """Take some of the models or of the queries."""
        return Signals(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


def signals(answers: npt.NDArray[np.floating], y: npt.NDArray[np.int64]) -> Signals:
    """Compute the signals of answers.

    Args:
        answers: [n, k], normalised log-probabilities; of several answers, the mean that a softmax normalised.
        y: int64 [n], the labels.

    Source: Carlini et al. 2022, section IV-C, for the scaled confidence in a form that keeps its digits where p is near
    1; Song and Mittal 2021, equation 6, for the modified entropy.
    """
    log_p: Floats = answers.astype(np.float64)
    rows = np.arange(len(y))
    label: Floats = log_p[rows, y]
    p = np.exp(log_p)
    top = np.partition(p, -2, axis=1)[:, -2:]
    first = log_p.argmax(axis=1)
    others = log_p.copy()
    others[rows, first] = -np.inf
    log_rest = np.log1p(-np.minimum(p, 0.75))  # log(1 - p) of each class, of which one at most is larger than a half
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
        right=(log_p.argmax(axis=1) == y).astype(np.float64),
    )


def stacked(models: list[Signals]) -> Signals:
    """Put the signals [n] of m models together, as [m, n]."""
    return Signals(**{field.name: np.stack([getattr(one, field.name) for one in models]) for field in fields(Signals)})
