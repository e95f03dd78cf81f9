"""The best threshold of scores."""

import numpy as np

from dynanoise_export.types import Bools, Floats


def best_threshold(scores: Floats, member: Bools) -> float:
    """Find the score from which on to say "member" for the largest balanced accuracy on these rows.

    Args:
        scores: [n], larger for likely members; rows with NaN are left out.
        member: bool [n].

    Returns:
        A number halfway between two scores; infinity, which no score reaches, if no threshold beats chance.
    """
    known = ~np.isnan(scores)
    scores, member = scores[known], member[known]
    if member.all() or not member.any():
        return np.inf
    order = np.argsort(-scores)
    sorted_scores, sorted_member = scores[order], member[order]
    gain = np.cumsum(np.where(sorted_member, (~member).sum(), -member.sum()))  # in integers, which are exact
    # Equal scores are on the same side of a threshold.
    ends = np.flatnonzero(sorted_scores[:-1] != sorted_scores[1:])
    if not (gain[ends] > 0).any():
        return np.inf
    best = ends[np.argmax(gain[ends])]
    last, following = sorted_scores[best], sorted_scores[best + 1]
    # Above minus infinity, and between neighbouring floats, nothing is halfway.
    halfway = (last + following) / 2 if np.isfinite(following) else last
    return float(halfway if halfway > following else last)
