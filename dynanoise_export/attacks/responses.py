"""What a client makes of several answers to each of its queries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.attacks.queries.variants import Variants
from dynanoise_export.runtimes.predictor import Arrays

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What is kept of `count` answers to each of n queries.

    Attributes:
        log_p: float32 [n, k], the mean of the log-probabilities.
        spread: float32 [n], the variance of a query's log-probabilities among its answers, each less its mean over the
            classes; the mean over the classes. 0 for a lone answer.
        right: int32 [n], how many of the answers have the query's label on top.
        count: how many answers each query got.
    """

    log_p: Floats
    spread: Floats
    right: npt.NDArray[np.int32]
    count: int


def gather(
    client: Client, rows: Arrays, y: npt.NDArray[np.int64], variants: Variants, told: Callable[[int], None]
) -> Answers:
    """Ask all variants of at most a batch of rows; `told` hears how many queries were answered."""

    def answers() -> Iterator[Floats]:
        for variant in variants(rows):
            yield client.ask(variant)
            told(len(y))

    return _summed(y, answers())


def merged(first: Answers, second: Answers) -> Answers:
    """Put further answers to the same queries to earlier ones."""
    count = first.count + second.count
    a, b = first.count / count, second.count / count
    apart = _centred(first.log_p - second.log_p)
    within = (max(first.count - 1, 0) * first.spread + max(second.count - 1, 0) * second.spread) / (count - 1)
    between = (apart**2).mean(axis=1) * (first.count * second.count / count / (count - 1))
    return Answers(
        a * first.log_p + b * second.log_p,
        (within + between).astype(np.float32),
        first.right + second.right,
        count,
    )


def joined(parts: list[Answers]) -> Answers:
    """Put the answers to one batch of queries after those to another."""
    return Answers(
        np.concatenate([part.log_p for part in parts]),
        np.concatenate([part.spread for part in parts]),
        np.concatenate([part.right for part in parts]),
        parts[0].count,
    )


def _summed(y: npt.NDArray[np.int64], given: Iterator[Floats]) -> Answers:
    first = next(given).astype(np.float64)
    total, squares = first, (_centred(first) ** 2).mean(axis=1)
    right, count = (first.argmax(axis=1) == y).astype(np.int32), 1
    for log_p in given:  # one at a time: of a thousand classes, hundreds of answers would fill the memory
        total = total + log_p
        squares = squares + (_centred(log_p.astype(np.float64)) ** 2).mean(axis=1)
        right += log_p.argmax(axis=1) == y
        count += 1
    mean = total / count
    spread = (squares - count * (_centred(mean) ** 2).mean(axis=1)) / max(count - 1, 1)
    return Answers(mean.astype(np.float32), np.maximum(spread, 0).astype(np.float32), right, count)


def _centred(log_p: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.asarray(log_p - log_p.mean(axis=1, keepdims=True))
