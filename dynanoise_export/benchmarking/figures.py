"""The figures of a benchmark: percentiles, throughput, and the ratio with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import quantile_test

from dynanoise_export.benchmarking.timing import Pair, Seconds
from dynanoise_export.intervals import LEVEL, Interval
from dynanoise_export.parameters import Provider

PERCENTILES = (50, 95, 99)

# A percentile is told where so many calls took longer.
BEYOND = 10


@dataclass(frozen=True)
class Latency:
    """How long a model takes.

    Attributes:
        calls: how many were timed.
        percentiles: of a call's time in milliseconds; None where too few calls were timed to tell.
        throughput: rows answered in a second, one batch after the other.
    """

    calls: int
    percentiles: dict[int, float | None]
    throughput: float


@dataclass(frozen=True)
class Run:
    """What was measured at one batch size.

    Attributes:
        provider: what ONNX Runtime ran it on; None elsewhere.
        batch: rows a call.
        pairs: how often each model had its turn.
        sessions: of each model, in which it had them.
        defended: its latency.
        plain: that of the model that it is compared with, or None.
        ratio: the median over the pairs of the defended model's time over the plain one's, with its 95% interval; None
            without a plain model.
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
        """Whether the times hold what takes the rows to the model and its answers back."""
        return self.provider is None

    @property
    def pairs_for_all(self) -> int:
        """How many pairs it takes to tell all percentiles."""
        return math.ceil(_calls_for(max(PERCENTILES)) * self.pairs / self.defended.calls)


def run_of(pairs: Sequence[Pair], provider: Provider | None, batch: int) -> Run:
    """Give the figures of pairs: the last turn is the defended model's, and the first, if another, the plain one's."""
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


def latency(seconds: Seconds, batch: int) -> Latency:
    """Give the figures of calls, each of a batch of rows."""
    enough = [percentile for percentile in PERCENTILES if len(seconds) >= _calls_for(percentile)]
    percentiles = dict.fromkeys(PERCENTILES) | {p: 1e3 * float(np.percentile(seconds, p)) for p in enough}
    return Latency(len(seconds), percentiles, batch / float(seconds.mean()))


def median(values: Sequence[float]) -> Interval:
    """Give a median with its interval from the order statistics, which assumes nothing of the distribution."""
    ends = quantile_test(values, p=0.5).confidence_interval(LEVEL)
    return Interval(float(np.median(values)), float(ends.low), float(ends.high))


def _calls_for(percentile: int) -> int:
    return math.ceil(BEYOND * 100 / (100 - percentile))
