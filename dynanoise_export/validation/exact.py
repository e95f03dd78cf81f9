"""Limits that correct noise exceeds with a stated probability, exact however far out in the tail.

Each limit follows from the exact law of a statistic of independent standard normals. None uses a limit theorem, which
would be wrong by orders of magnitude at such small rates.
"""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.special import betainccinv, chdtri, gammaincinv, ndtr, ndtri

from dynanoise_export.types import Float64s
from dynanoise_export.validation.findings import Finding, worst

# In a smaller group, float32's rounding could make a variance near 0.
SMALLEST_GROUP = 20


def mean_limit(size: npt.ArrayLike, rate: float) -> Float64s:
    """Find the limit that the |mean| of `size` independent standard normals exceeds at this rate."""
    limit: Float64s = -ndtri(rate / 2) / np.sqrt(size)
    return limit


def variance_limits(draws: Float64s, rate: float) -> tuple[Float64s, Float64s]:
    """Find how far the variance of `draws` independent standard normals lies below and above 1 at this rate."""
    low = 1 - 2 * gammaincinv(draws / 2, rate / 2) / draws
    high = chdtri(draws, rate / 2) / draws - 1
    return low, high


def worst_variance(squares: npt.ArrayLike, draws: npt.ArrayLike, rate: float) -> Finding | None:
    """Compare sums of squares of standard normals with χ².

    Args:
        squares: the sum of squares in each group.
        draws: how many squares were summed in each group; groups of fewer than `SMALLEST_GROUP` are skipped.
        rate: the chance that correct noise exceeds a limit in any group.

    Returns:
        The worst |variance − 1|, with `part` counted among all groups; None if all groups were skipped.
    """
    sums, counts = np.ravel(squares), np.ravel(draws).astype(np.float64)
    groups = np.flatnonzero(counts >= SMALLEST_GROUP)
    if not groups.size:
        return None
    deviations = sums[groups] / counts[groups] - 1
    low, high = variance_limits(counts[groups], rate / groups.size)
    found = worst(deviations, np.where(deviations > 0, high, low))
    return found and Finding(found.value, found.limit, int(groups[found.part]), float(high.min()))


def correlation_limit(dimensions: npt.ArrayLike, rate: float) -> Float64s:
    """Find the limit that the |cosine| of the angle between two independent vectors exceeds at this rate.

    If one of them consists of independent standard normals, its direction is uniform on the sphere, so the square of
    the cosine follows Beta(½, (dimensions − 1) / 2), whatever the other vector is. Subtracting the mean takes one
    dimension. Below 2 dimensions the limit is 1.
    """
    sizes, which = np.unique(dimensions, return_inverse=True)
    degrees = np.maximum(sizes - 1, 1)
    limits: Float64s = np.where(sizes < 2, 1.0, np.sqrt(betainccinv(0.5, degrees / 2, rate)))
    return limits[which]


def cosine(a: Float64s, b: Float64s) -> float:
    """Compute the cosine of the angle between two vectors; 0 if one of them is 0."""
    norms = math.sqrt(np.sum(a * a) * np.sum(b * b))
    # Rounding can take it beyond 1, which is the limit of short vectors.
    return min(max(float(np.sum(a * b)) / norms, -1.0), 1.0) if norms > 0 else 0.0


def worst_correlation(pairs: Iterable[tuple[Float64s, Float64s, int]], parts: int, rate: float) -> Finding | None:
    """Compare the cosines of the angles between pairs of vectors with those of independent vectors.

    Args:
        pairs: two vectors of equal length, and their number of dimensions. At least one of the two consists of
            standard normals that are independent of each other and of the other vector, with or without their mean.
        parts: the number of pairs.
        rate: the chance that correct noise exceeds a limit in any pair.

    Returns:
        The worst |cosine|; None if there are no pairs.
    """
    found = [(cosine(a, b), dimensions) for a, b, dimensions in pairs]
    cosines, dimensions = np.array(found, np.float64).reshape(-1, 2).T
    return worst(cosines, correlation_limit(dimensions, rate / max(parts, 1)))


def magnitudes(draws: Float64s) -> Float64s:
    """Map standard normals to standard normals that grow with their absolute value and ignore their sign.

    These correlate if draws share a scale; the draws themselves do not.
    """
    farther_out = np.clip(2 * ndtr(-np.abs(draws)), 1e-300, 1 - 1e-12)
    mapped: Float64s = -ndtri(farther_out)
    return mapped
