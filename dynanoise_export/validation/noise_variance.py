"""Is the variance of recovered noise what its law says, everywhere: one function for each check.

Each takes the recovered noise and `rate`, the chance that the check fails on correct noise.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtr
from scipy.stats import kstest, kstwo

from dynanoise_export.types import Array, Float64s, Int64s
from dynanoise_export.validation.check import Check, CheckCode
from dynanoise_export.validation.exact import worst_variance
from dynanoise_export.validation.findings import Finding, verdict, worst
from dynanoise_export.validation.recovery import RecoveredNoise


@dataclass(frozen=True)
class _Groups:
    """Sums of squares, the number of contrasts in each sum, and the name of each group."""

    squares: Float64s
    draws: Float64s
    names: list[str]

    def __add__(self, other: "_Groups") -> "_Groups":
        return _Groups(
            np.concatenate([self.squares, other.squares]),
            np.concatenate([self.draws, other.draws]),
            self.names + other.names,
        )

    def judge(self, code: CheckCode, variance: str, rate: float) -> Check:
        def say(found: Finding) -> str:
            ratio = self.squares[found.part] / self.draws[found.part]
            return f"the noise of {self.names[found.part]} is the worst: {ratio:.4f} times the variance {variance}"

        return verdict(code, worst_variance(self.squares, self.draws, rate), say, rate)


def overall(noise: RecoveredNoise, rate: float) -> Check:
    """Check the variance of all contrasts; the limits are those of χ²."""
    draws = noise.draws
    squares = np.square(draws).sum()
    finding = worst_variance(squares, draws.size, rate)

    def say(found: Finding) -> str:
        return (
            f"the variance of {draws.size:,} contrasts is {squares / draws.size:.4f} times {noise.variance}, "
            f"and noise {math.sqrt(1 + found.sharpest) - 1:.1%} too large would be at the limit"
        )

    return verdict(CheckCode.NOISE_VARIANCE, finding, say, rate)


def over_classes(noise: RecoveredNoise, rate: float) -> Check:
    """Check the variance of each class's contrasts; the limits are those of χ²."""
    squares = np.square(noise.contrasts).sum(axis=(0, 1))
    draws = noise.used.sum(axis=0, dtype=np.float64) * len(noise.contrasts)
    names = [f"class {number}" for number in range(draws.size)]
    return _Groups(squares, draws, names).judge(CheckCode.NOISE_VARIANCE_OVER_CLASSES, noise.variance, rate)


def over_queries(noise: RecoveredNoise, rate: float) -> Check:
    """Check that the sum of squares of each query's contrasts follows χ²; the limit is Kolmogorov and Smirnov's.

    This finds a scale that all classes of a query share and that belongs to another query or to none.
    """
    squares, draws = _of_answers(noise)
    levels = chdtr(draws, squares)[draws > 0]
    finding = worst(kstest(levels, "uniform").statistic, kstwo.isf(rate, levels.size)) if levels.size else None

    def say(found: Finding) -> str:
        return f"the size of the noise of {levels.size:,} answers is distributed {found.value:.4f} away from χ²"

    return verdict(CheckCode.NOISE_VARIANCE_OVER_QUERIES, finding, say, rate)


def over_sensitivity(noise: RecoveredNoise, rate: float) -> Check:
    """Check the variance where R is low and where it is high; the limits are those of χ²."""
    keys = np.broadcast_to(noise.sensitivity, noise.contrasts.shape[:2])
    groups = _at_ends(noise, keys, "R(q)")
    return groups.judge(CheckCode.NOISE_VARIANCE_OVER_SENSITIVITY, noise.variance, rate)


def over_positions(noise: RecoveredNoise, positions: Int64s, rate: float) -> Check:
    """Check the variance at the start of a batch, at its end and at each position; the limits are those of χ².

    Args:
        noise: recovered from c calls with n queries.
        positions: [c, n], of each query in its batch.
        rate: the chance that the check fails on correct noise.
    """
    squares, draws = (
        np.bincount(positions.ravel(), weights=sums.ravel()).astype(np.float64) for sums in _of_answers(noise)
    )
    each = _Groups(squares, draws, [f"position {number} in the batch" for number in range(draws.size)])
    groups = _at_ends(noise, positions, "position in the batch") + each
    return groups.judge(CheckCode.NOISE_VARIANCE_OVER_POSITIONS, noise.variance, rate)


def _at_ends(noise: RecoveredNoise, keys: Array, what: str) -> _Groups:
    """Group the half, quarter, eighth, … of the answers with the lowest and the highest keys [c, n].

    Halving finds an error in a small part of the range, which groups of equal size would dilute.
    """
    order = np.argsort(keys, axis=None, kind="stable")
    squares, draws = (np.concatenate([[0], np.cumsum(sums.ravel()[order])]) for sums in _of_answers(noise))
    sizes = [order.size >> power for power in range(1, order.size.bit_length())]
    low, high = np.array(sizes, np.int64), order.size - np.array(sizes, np.int64)
    return _Groups(
        np.concatenate([squares[low], squares[-1] - squares[high]]),
        np.concatenate([draws[low], draws[-1] - draws[high]]),
        [f"the {size:,} answers with the {end} {what}" for end in ("lowest", "highest") for size in sizes],
    )


def _of_answers(noise: RecoveredNoise) -> tuple[Float64s, Float64s]:
    """Sum the squares of each answer's contrasts, and count the contrasts, both [c, n]."""
    squares: Float64s = np.square(noise.contrasts).sum(axis=2)
    return squares, np.broadcast_to(noise.used.sum(axis=1, dtype=np.float64), squares.shape)
