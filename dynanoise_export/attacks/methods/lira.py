"""LiRA: how much likelier the scaled confidence is of models that learnt the query than of those that did not."""

from functools import partial

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.evidence import Bools, Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores, shadows_of

Floats = npt.NDArray[np.float64]

SOURCE = "Carlini et al. 2022"
# Where all shadow models say the same, a variance of 0 would make certainty of a trifle.
SMALLEST_VARIANCE = 1e-12
# So many columns of 64 models fit a core's cache, and the sums are several times as fast as over all at once.
COLUMNS = 2048


def online(own: Floats, shadows: Floats, kept: Bools, *, fixed_variance: bool) -> Scores:
    """Give each query the log-likelihood ratio of having been learnt.

    Args:
        own: [n], the target's scaled confidences.
        shadows: [m, n], those of the shadow models; two or more have learnt each query, and as many have not.
        kept: bool [m, n], which have.
        fixed_variance: take one variance for all queries, each side its own, which few shadow models tell better.
    """
    mean_in, variance_in = _moments(shadows, kept, fixed_variance)
    mean_out, variance_out = _moments(shadows, ~kept, fixed_variance)
    return _log_density(own, mean_in, variance_in) - _log_density(own, mean_out, variance_out)


def offline(own: Floats, shadows: Floats, kept: Bools, *, fixed_variance: bool) -> Scores:
    """Give each query how far it stands, in standard deviations, above models that have not learnt it.

    The arguments are those of `online`; models that have learnt a query are not looked at.
    """
    mean, variance = _moments(shadows, ~kept, fixed_variance)
    return (own - mean) / np.sqrt(variance)


def _moments(values: Floats, chosen: Bools, fixed_variance: bool) -> tuple[Floats, Floats | np.float64]:
    """Give the mean [n] and the variance, [n] or one for all, of the chosen values of each column."""
    counts = chosen.sum(axis=0)
    means, squares = np.empty(values.shape[1]), np.empty(values.shape[1])
    for start in range(0, values.shape[1], COLUMNS):
        part = slice(start, start + COLUMNS)
        weights = chosen[:, part].astype(np.float64)
        means[part] = np.einsum("mn,mn->n", values[:, part], weights) / counts[part]
        apart = (values[:, part] - means[part]) * weights
        squares[part] = np.einsum("mn,mn->n", apart, apart)
    # A lone value tells no variance, and its query gets no score.
    known = np.where(counts > 1, squares, np.nan) / np.maximum(counts - 1, 1)
    variance = squares.sum() / (counts - 1).sum() if fixed_variance else known
    return means, np.maximum(variance, SMALLEST_VARIANCE)


def _log_density(values: Floats, mean: Floats, variance: Floats | np.float64) -> Floats:
    return -((values - mean) ** 2) / (2 * variance) - np.log(variance) / 2


def _online(evidence: Evidence, fixed_variance: bool) -> Scores:
    shadows = shadows_of(evidence)
    return online(evidence.signals.logit, shadows.signals.logit, shadows.kept, fixed_variance=fixed_variance)


def _offline(evidence: Evidence, fixed_variance: bool) -> Scores:
    shadows = shadows_of(evidence)
    return offline(evidence.signals.logit, shadows.signals.logit, shadows.kept, fixed_variance=fixed_variance)


ONLINE = Attack("LiRA, online", SOURCE, partial(_online, fixed_variance=False), shadows=8)
ONLINE_FIXED = Attack("LiRA, online, fixed σ", SOURCE, partial(_online, fixed_variance=True), shadows=4)
OFFLINE = Attack("LiRA, offline", SOURCE, partial(_offline, fixed_variance=False), shadows=8)
OFFLINE_FIXED = Attack("LiRA, offline, fixed σ", SOURCE, partial(_offline, fixed_variance=True), shadows=4)
