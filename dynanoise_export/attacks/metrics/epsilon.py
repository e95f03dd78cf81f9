"""What an attack proves about differential privacy: a lower bound on ε."""

import numpy as np

from dynanoise_export.intervals import LEVEL, lower_bound, upper_bound
from dynanoise_export.types import Bools, Float64s, Floats

# There is a bound on each of two rates, and either may fail.
ERROR = (1 - LEVEL) / 2
CANDIDATES = 100


def epsilon_lower_bound(scores: Floats, member: Bools) -> float:
    """Bound ε from below with 95% confidence, at δ = 0: TPR ≤ e^ε · FPR, and likewise for non-members.

    The threshold and the side are chosen on one half of the rows and judged on the other, so that the choice costs no
    confidence.

    Args:
        scores: [n], larger for likely members.
        member: bool [n].

    Returns:
        At least 0, which is no bound at all.

    Source: Jagielski et al. 2020, for the bound; rows count as independent trials on one model, as in Steinke et al.
    2023.
    """
    first = np.random.default_rng(0).permutation(len(scores)) < len(scores) // 2
    if any(not member[half].any() or member[half].all() for half in (first, ~first)):
        return 0.0
    thresholds = _candidates(scores[first], member[first])
    chosen = np.unravel_index(np.argmax(_bounds(scores[first], member[first], thresholds)), (2, len(thresholds)))
    return max(0.0, float(_bounds(scores[~first], member[~first], thresholds[[chosen[1]]])[chosen[0], 0]))


def _candidates(scores: Floats, member: Bools) -> Floats:
    """List thresholds that are dense at both ends of the ROC curve, where ε shows."""
    shares = np.geomspace(1 / len(scores), 0.5, CANDIDATES // 2)
    both = np.concatenate([shares, 1 - shares])
    return np.unique([*np.quantile(scores[member], both), *np.quantile(scores[~member], both)])


def _bounds(scores: Floats, member: Bools, thresholds: Floats) -> Float64s:
    """Compute bounds on ε [2, t] at t thresholds: from TPR over FPR, and from the true-negative rate over the FNR."""
    inside, outside = np.sort(scores[member]), np.sort(scores[~member])
    true_positives = len(inside) - np.searchsorted(inside, thresholds)
    false_positives = len(outside) - np.searchsorted(outside, thresholds)
    n1, n0 = len(inside), len(outside)
    with np.errstate(divide="ignore"):
        return np.log(
            [
                lower_bound(true_positives, n1, ERROR) / upper_bound(false_positives, n0, ERROR),
                lower_bound(n0 - false_positives, n0, ERROR) / upper_bound(n1 - true_positives, n1, ERROR),
            ]
        )
