"""The figures of a benchmark: percentiles, throughput, and the ratio with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import quantile_test

from dynanoise_export.benchmarking.timing import Pair
from dynanoise_export.intervals import LEVEL, Interval
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.types import Float64s

PERCENTILES = (50, 95, 99)

# A percentile is given if at least this many calls took longer.
BEYOND = 10


@dataclass(frozen=True)
class Latency:
    """How long a model takes.

    Attributes:
        calls: the number of timed calls.
        percentiles: of a call's time in milliseconds; None if too few calls were timed.
        throughput: rows answered per second, one batch after the other.
    """

    calls: int
    percentiles: dict[int, float | None]
    throughput: float


@dataclass(frozen=True)
class Run:
    """What was measured at one batch size.

    Attributes:
        provider: what ONNX Runtime ran the models on; None if they do not run in ONNX Runtime here.
        batch: the rows of a call.
        pairs: the number of turns of each model.
        sessions: the number of sessions of each model.
        defended: the latency of the defended model.
        plain: that of the undefended model, or None.
        ratio: the median over the pairs of the defended model's time over the undefended model's, with its 95%
            interval; None without an undefended model.
    """

    provider: Provider | None
    batch: int
    pairs: int
    sessions: int
    defended: Latency
    plain: Latency | None
    ratio: Interval | None

    @property
    def transfers(self) -> bool:
        """Whether the times include sending the rows to the model and its answers back."""
        return self.provider is None

    @property
    def pairs_for_all(self) -> int:
        """The number of pairs that all percentiles need."""
        return math.ceil(_calls_for(max(PERCENTILES)) * self.pairs / self.defended.calls)


def run_of(pairs: Sequence[Pair], provider: Provider | None, batch: int) -> Run:
    """Give the figures of pairs: the last turn is the defended model's, and the first of two the undefended one's."""
    compared = len(pairs[0].turns) > 1
    return Run(
        provider=provider,
        batch=batch,
        pairs=len(pairs),
        sessions=len({pair.session for pair in pairs}),
        defended=latency(np.concatenate([pair.turns[-1] for pair in pairs]), batch),
        plain=latency(np.concatenate([pair.turns[0] for pair in pairs]), batch) if compared else None,
        ratio=median([pair.ratio for pair in pairs]) if compared else None,
    )


def latency(seconds: Float64s, batch: int) -> Latency:
    """Give the figures of calls, each of a batch of rows."""
    enough = [percentile for percentile in PERCENTILES if len(seconds) >= _calls_for(percentile)]
    percentiles = dict.fromkeys(PERCENTILES) | {p: 1e3 * float(np.percentile(seconds, p)) for p in enough}
    return Latency(len(seconds), percentiles, batch / float(seconds.mean()))


def median(values: Sequence[float]) -> Interval:
    """Give a median with its interval from the order statistics, which assumes nothing about the distribution."""
    ends = quantile_test(values, p=0.5).confidence_interval(LEVEL)
    return Interval(float(np.median(values)), float(ends.low), float(ends.high))


def _calls_for(percentile: int) -> int:
    return math.ceil(BEYOND * 100 / (100 - percentile))
