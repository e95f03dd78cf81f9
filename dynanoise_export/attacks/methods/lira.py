"""LiRA: how much likelier the scaled confidence is from models trained on the row than from the others."""

from functools import partial

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.types import Bools, Float64s, Int64s

SOURCE = "Carlini et al. 2022"
# If all shadow models agree, a variance of 0 would turn the smallest difference into certainty.
SMALLEST_VARIANCE = 1e-12
# This many columns of 64 models fit a core's cache, where the sums are several times as fast as over all at once.
COLUMNS = 2048


def online(own: Float64s, shadows: Float64s, trained_on: Bools, *, fixed_variance: bool) -> Float64s:
    """Compute the log-likelihood ratio of membership for each row.

    Args:
        own: [n], the target's scaled confidences.
        shadows: [m, n], those of the shadow models; at least two were trained on each row, and at least two were not.
        trained_on: bool [m, n], which of them were.
        fixed_variance: use one variance for all rows, one for each side, which few shadow models estimate better.
    """
    mean_in, variance_in = _moments(shadows, trained_on, fixed_variance)
    mean_out, variance_out = _moments(shadows, ~trained_on, fixed_variance)
    return _log_density(own, mean_in, variance_in) - _log_density(own, mean_out, variance_out)


def offline(own: Float64s, shadows: Float64s, trained_on: Bools, *, fixed_variance: bool) -> Float64s:
    """Compute by how many standard deviations each row is above the models that were not trained on it.

    The arguments are those of `online`; models that were trained on a row are ignored for it.
    """
    mean, variance = _moments(shadows, ~trained_on, fixed_variance)
    return (own - mean) / np.sqrt(variance)


def spreads(values: Float64s, chosen: Bools) -> tuple[Int64s, Float64s, Float64s]:
    """Compute how many values of each column are chosen, their mean, and the sum of their squared distances from it.

    Args:
        values: [m, n].
        chosen: bool [m, n].

    Returns:
        Three arrays [n]; the mean of no values is 0.
    """
    counts = chosen.sum(axis=0)
    means, squares = np.empty(values.shape[1]), np.empty(values.shape[1])
    for start in range(0, values.shape[1], COLUMNS):
        part = slice(start, start + COLUMNS)
        weights = chosen[:, part].astype(np.float64)
        means[part] = np.einsum("mn,mn->n", values[:, part], weights) / np.maximum(counts[part], 1)
        apart = (values[:, part] - means[part]) * weights
        squares[part] = np.einsum("mn,mn->n", apart, apart)
    return counts, means, squares


def _moments(values: Float64s, chosen: Bools, fixed_variance: bool) -> tuple[Float64s, Float64s | np.float64]:
    """Compute the mean [n] and the variance, [n] or one for all, of the chosen values of each column."""
    counts, means, squares = spreads(values, chosen)
    # A single value has no variance, so its row gets no score.
    known = np.where(counts > 1, squares, np.nan) / np.maximum(counts - 1, 1)
    variance = squares.sum() / (counts - 1).sum() if fixed_variance else known
    return means, np.maximum(variance, SMALLEST_VARIANCE)


def _log_density(values: Float64s, mean: Float64s, variance: Float64s | np.float64) -> Float64s:
    return -((values - mean) ** 2) / (2 * variance) - np.log(variance) / 2


def _online(evidence: Evidence, fixed_variance: bool) -> Float64s:
    shadows = shadows_of(evidence)
    return online(evidence.signals.logit, shadows.signals.logit, shadows.trained_on, fixed_variance=fixed_variance)


def _offline(evidence: Evidence, fixed_variance: bool) -> Float64s:
    shadows = shadows_of(evidence)
    return offline(evidence.signals.logit, shadows.signals.logit, shadows.trained_on, fixed_variance=fixed_variance)


ONLINE = Attack("lira-online", "LiRA, online", SOURCE, partial(_online, fixed_variance=False), shadows=8)
ONLINE_FIXED = Attack(
    "lira-online-fixed", "LiRA, online, fixed σ", SOURCE, partial(_online, fixed_variance=True), shadows=4
)
OFFLINE = Attack("lira-offline", "LiRA, offline", SOURCE, partial(_offline, fixed_variance=False), shadows=8)
OFFLINE_FIXED = Attack(
    "lira-offline-fixed", "LiRA, offline, fixed σ", SOURCE, partial(_offline, fixed_variance=True), shadows=4
)
