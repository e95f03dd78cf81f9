"""Responses: summaries of a model's answers to queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.types import Float32s, Floats, Int64s

# A standard deviation of 3e-5 nats: sums of equal answers differ by less, and noise that hides anything by more.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Responses:
    """A summary of `count` answers for each of n rows.

    Attributes:
        log_p: float32 [n, k], the mean of the log-probabilities.
        spread: float32 [n], the variance of a row's log-probabilities between its answers, each less its mean over the
            classes; the mean of that over the classes. 0 for a single answer.
        correct: int32 [n], how many of the answers give the row's label the largest probability.
        count: the number of answers for each row.
    """

    log_p: Float32s
    spread: Float32s
    correct: npt.NDArray[np.int32]
    count: int


@dataclass(frozen=True)
class ModelResponses:
    """The responses of a model to the n rows of an audit.

    Attributes:
        repeated: by how often each row was sent; 1 is among them.
    """

    repeated: dict[int, Responses]

    @property
    def queries_per_row(self) -> int:
        """How many queries were sent for each row, in all."""
        return max(self.repeated)

    def asked(self, repeats: Sequence[int]) -> "ModelResponses":
        """Leave out the responses to other numbers of repeats than these and 1."""
        return ModelResponses({count: read for count, read in self.repeated.items() if count in {1, *repeats}})


def summarise(y: Int64s, answers: Iterable[Float32s]) -> Responses:
    """Summarise several answers to the same b rows.

    Args:
        y: int64 [b], the labels.
        answers: log-probabilities float32 [b, k], at least one.
    """
    # One answer at a time: with a thousand classes, hundreds of answers would fill the memory.
    remaining = iter(answers)
    first = next(remaining).astype(np.float64)
    total, squares = first, (_centred(first) ** 2).mean(axis=1)
    correct, count = (first.argmax(axis=1) == y).astype(np.int32), 1
    for log_p in remaining:
        total = total + log_p
        squares = squares + (_centred(log_p.astype(np.float64)) ** 2).mean(axis=1)
        correct += log_p.argmax(axis=1) == y
        count += 1
    mean = total / count
    spread = (squares - count * (_centred(mean) ** 2).mean(axis=1)) / max(count - 1, 1)
    return Responses(mean.astype(np.float32), _beyond_rounding(spread), correct, count)


def merged(first: Responses, second: Responses) -> Responses:
    """Combine earlier and later responses to the same rows, as if all had been sent at once."""
    count = first.count + second.count
    a, b = first.count / count, second.count / count
    apart = _centred(first.log_p - second.log_p)
    within = (max(first.count - 1, 0) * first.spread + max(second.count - 1, 0) * second.spread) / (count - 1)
    between = (apart**2).mean(axis=1) * (first.count * second.count / count / (count - 1))
    return Responses(
        a * first.log_p + b * second.log_p,
        _beyond_rounding(within + between),
        first.correct + second.correct,
        count,
    )


def joined(parts: Sequence[Responses]) -> Responses:
    """Put the responses to one batch of rows after those to another."""
    return Responses(
        np.concatenate([part.log_p for part in parts]),
        np.concatenate([part.spread for part in parts]),
        np.concatenate([part.correct for part in parts]),
        parts[0].count,
    )


def _beyond_rounding(spread: Floats) -> Float32s:
    """Take variances that rounding explains for 0, so that answers that repeat are seen to repeat."""
    return np.where(spread > ROUNDING, spread, 0).astype(np.float32)


def _centred(log_p: Floats) -> Floats:
    return np.asarray(log_p - log_p.mean(axis=1, keepdims=True))
