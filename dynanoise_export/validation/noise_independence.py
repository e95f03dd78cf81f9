"""Is recovered noise independent between classes, rows and calls: one function for each check.

Each takes the recovered noise and `rate`, the chance that the check fails on correct noise. The limits are those of
the angle between two independent vectors, `exact.correlation_limit`.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dynanoise_export.types import Float64s
from dynanoise_export.validation.check import Check, CheckCode, judge
from dynanoise_export.validation.exact import correlation_limit, worst_correlation
from dynanoise_export.validation.findings import Finding, sentence, verdict, worst
from dynanoise_export.validation.recovery import RecoveredNoise

# Calls farther apart than this are not compared.
MOST_CALLS_APART = 32
# Two vectors, and their number of dimensions.
Pair = tuple[Float64s, Float64s, int]
# The names of the two of `two_views`.
VIEWS = ("value", "size")


def between_classes(noise: RecoveredNoise, rate: float) -> Check:
    """Check the correlation of every two classes' contrasts over all queries and calls."""
    code = CheckCode.NOISE_BETWEEN_CLASSES
    if noise.used.shape[1] == 2:
        return _of_two_classes(code, rate)
    classes = np.flatnonzero(noise.used.any(axis=0))
    columns = np.concatenate(noise.contrasts[:, :, classes])
    used = np.tile(noise.used[:, classes].astype(np.float64), (len(noise.contrasts), 1))
    first, second = np.triu_indices(classes.size, 1)
    shared = np.square(columns).T @ used
    norms = np.sqrt(shared[first, second] * shared[second, first])
    products = (columns.T @ columns)[first, second]
    cosines = np.clip(np.divide(products, norms, out=np.zeros_like(products), where=norms > 0), -1, 1)
    sizes = (used.T @ used)[first, second]
    finding = worst(cosines, correlation_limit(sizes, rate / max(sizes.size, 1)))

    def say(found: Finding) -> str:
        pair = f"{classes[first[found.part]]} and {classes[second[found.part]]}"
        return f"the noise of classes {pair} has the largest correlation, {cosines[found.part]:+.3f}"

    return verdict(code, finding, say, rate)


def along_classes(noise: RecoveredNoise, rate: float) -> Check:
    """Check the correlation of each class's contrasts with those 1, 2, 4, … classes later, over all classes."""
    code = CheckCode.NOISE_ALONG_CLASSES
    if noise.used.shape[1] == 2:
        return _of_two_classes(code, rate)
    return _along(code, "classes", noise, 2, _doublings(noise.used.shape[1]), rate)


def _of_two_classes(code: CheckCode, rate: float) -> Check:
    return judge(code, 0, 0, sentence("two classes have one contrast, so there is no other to depend on", rate))


def between_rows(noise: RecoveredNoise, rate: float, batch: int | None = None) -> Check:
    """Check the correlation of each query's contrasts with those 1, 2, 4, … rows later, and a batch later."""
    rows = len(noise.used)
    lags = sorted({*_doublings(rows), *([batch] if batch and batch < rows else [])})
    return _along(CheckCode.NOISE_BETWEEN_ROWS, "rows", noise, 1, lags, rate)


def between_calls(noise: RecoveredNoise, rate: float) -> Check:
    """Check the correlation of each query's contrasts with those of the same query in later calls."""
    lags = range(1, min(len(noise.contrasts), MOST_CALLS_APART))
    return _along(CheckCode.NOISE_BETWEEN_CALLS, "calls", noise, 0, lags, rate)


def _along(code: CheckCode, what: str, noise: RecoveredNoise, axis: int, lags: Sequence[int], rate: float) -> Check:
    pairs = (pair for lag in lags for pair in _lagged(noise, axis, lag))
    finding = worst_correlation(pairs, 2 * len(VIEWS) * len(lags), rate)

    def say(found: Finding) -> str:
        view, lag = VIEWS[found.part % len(VIEWS)], lags[found.part // (2 * len(VIEWS))]
        return f"the {view} of noise {lag} {what} apart has the largest correlation, {found.value:.4f}"

    return verdict(code, finding, say, rate)


def _lagged(noise: RecoveredNoise, axis: int, lag: int) -> Iterator[Pair]:
    """Pair contrasts with those `lag` later along an axis, in two halves, each of which holds a contrast once only.

    A contrast on both sides would make the two vectors dependent, and their limit wrong.
    """
    starts = np.arange(noise.contrasts.shape[axis] - lag)
    used = np.broadcast_to(noise.used, noise.contrasts.shape)
    for half in (0, 1):
        first = starts[starts // lag % 2 == half]
        both = used.take(first, axis) & used.take(first + lag, axis)
        yield from two_views(
            (view.take(first, axis)[both], view.take(first + lag, axis)[both])
            for view in (noise.contrasts, noise.magnitudes)
        )


def two_views(vectors: Iterable[tuple[Float64s, Float64s]]) -> Iterator[Pair]:
    """Pair two vectors of contrasts, and then the same two of the contrasts' magnitudes.

    A common shift of the values is a sign of repeated noise, so the values keep their mean. A common shift of the
    magnitudes comes from a wrong scale, which another check finds, so their mean is subtracted.
    """
    values, sizes = vectors
    a, b = values
    yield a, b, a.size
    a, b = sizes
    yield (a - a.mean(), b - b.mean(), a.size - 1) if a.size else (a, b, 0)


def _doublings(length: int) -> list[int]:
    """Count 1, 2, 4, … below a length."""
    return [2**power for power in range(max(length - 1, 0).bit_length())]
