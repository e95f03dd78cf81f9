"""Is the variance of recovered noise σ₀²(1 + λR) wherever one looks: one function for each check.

Each takes the recovered noise and `rate`, the chance that the check fails on correct noise.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtr
from scipy.stats import kstest, kstwo

from dynanoise_export.validation.check import Check
from dynanoise_export.validation.exact import worst_variance
from dynanoise_export.validation.findings import Finding, verdict, worst
from dynanoise_export.validation.recovery import Float64s, RecoveredNoise


@dataclass(frozen=True)
class _Groups:
    """Sums of squares, how many contrasts were summed for each, and what each group is called."""

    squares: Float64s
    draws: Float64s
    names: list[str]

    def __add__(self, other: "_Groups") -> "_Groups":
        return _Groups(
            np.concatenate([self.squares, other.squares]),
            np.concatenate([self.draws, other.draws]),
            self.names + other.names,
        )

    def judge(self, name: str, rate: float) -> Check:
        def say(found: Finding) -> str:
            ratio = self.squares[found.part] / self.draws[found.part]
            return f"the noise of {self.names[found.part]} has {ratio:.4f} times the variance σ₀²(1 + λR), the worst"

        return verdict(name, worst_variance(self.squares, self.draws, rate), say, rate)


def overall(noise: RecoveredNoise, rate: float) -> Check:
    """Check the variance of all contrasts; the limits are those of χ²."""
    draws = noise.draws
    squares = np.square(draws).sum()
    finding = worst_variance(squares, draws.size, rate)

    def say(found: Finding) -> str:
        return (
            f"the variance of {draws.size:,} contrasts is {squares / draws.size:.4f} times σ₀²(1 + λR), "
            f"and noise {math.sqrt(1 + found.sharpest) - 1:.1%} too large would be at the limit"
        )

    return verdict("noise variance", finding, say, rate)


def over_classes(noise: RecoveredNoise, rate: float) -> Check:
    """Check the variance of each class's contrasts; the limits are those of χ²."""
    squares = np.square(noise.contrasts).sum(axis=(0, 1))
    draws = noise.used.sum(axis=0, dtype=np.float64) * len(noise.contrasts)
    names = [f"class {number}" for number in range(draws.size)]
    return _Groups(squares, draws, names).judge("noise variance over classes", rate)


def over_queries(noise: RecoveredNoise, rate: float) -> Check:
    """Check that the sum of squares of each query's contrasts follows χ²; the limit is Kolmogorov and Smirnov's.

    A scale that all classes of a query share, and that belongs to another query or to none, shows here.
    """
    squares, draws = _of_answers(noise)
    levels = chdtr(draws, squares)[draws > 0]
    finding = worst(kstest(levels, "uniform").statistic, kstwo.isf(rate, levels.size)) if levels.size else None

    def say(found: Finding) -> str:
        return f"the size of the noise of {levels.size:,} answers is distributed {found.value:.4f} away from χ²"

    return verdict("noise variance over queries", finding, say, rate)


def over_sensitivity(noise: RecoveredNoise, rate: float) -> Check:
    """Check the variance where R is low and where it is high; the limits are those of χ²."""
    keys = np.broadcast_to(noise.sensitivity, noise.contrasts.shape[:2])
    return _at_ends(noise, keys, "R(q)").judge("noise variance over sensitivity", rate)


def over_places(noise: RecoveredNoise, places: npt.NDArray[np.int64], rate: float) -> Check:
    """Check the variance at the start of a batch, at its end and at each place; the limits are those of χ².

    Args:
        noise: recovered from c calls with n queries.
        places: [c, n], where in its batch each query stood.
        rate: the chance that the check fails on correct noise.
    """
    squares, draws = (
        np.bincount(places.ravel(), weights=sums.ravel()).astype(np.float64) for sums in _of_answers(noise)
    )
    each = _Groups(squares, draws, [f"place {number} in the batch" for number in range(draws.size)])
    return (_at_ends(noise, places, "place in the batch") + each).judge("noise variance over places", rate)


def _at_ends(noise: RecoveredNoise, keys: npt.NDArray[np.generic], what: str) -> _Groups:
    """Group the half, quarter, eighth, … of the answers with the lowest and the highest keys [c, n].

    Halving finds what is wrong in a small part of the range, which groups of equal size would dilute.
    """
    order = np.argsort(keys, axis=None, kind="stable")
    squares, draws = (np.concatenate([[0], np.cumsum(sums.ravel()[order])]) for sums in _of_answers(noise))
    sizes = [order.size >> power for power in range(1, order.size.bit_length())]
    low, high = np.array(sizes, np.int64), order.size - np.array(sizes, np.int64)
    return _Groups(
        np.concatenate([squares[low], squares[-1] - squares[high]]),
        np.concatenate([draws[low], draws[-1] - draws[high]]),
        [f"the {size:,} answers of {end} {what}" for end in ("lowest", "highest") for size in sizes],
    )


def _of_answers(noise: RecoveredNoise) -> tuple[Float64s, Float64s]:
    """Sum the squares of each answer's contrasts, and tell how many there are, both [c, n]."""
    squares: Float64s = np.square(noise.contrasts).sum(axis=2)
    return squares, np.broadcast_to(noise.used.sum(axis=1, dtype=np.float64), squares.shape)
