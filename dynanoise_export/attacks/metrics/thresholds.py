"""Thresholds of scores."""

import numpy as np
import numpy.typing as npt


def best_threshold(scores: npt.NDArray[np.floating], member: npt.NDArray[np.bool_]) -> float:
    """Find the score from which on to say "member", for the largest balanced accuracy on these rows.

    Args:
        scores: [n], larger for likely members; NaN says nothing and is passed over.
        member: bool [n].

    Returns:
        Halfway between two scores; infinity, which nothing reaches, where no threshold beats a coin.
    """
    known = ~np.isnan(scores)
    scores, member = scores[known], member[known]
    if member.all() or not member.any():
        return np.inf
    order = np.argsort(-scores)
    sorted_scores, sorted_member = scores[order], member[order]
    gain = np.cumsum(np.where(sorted_member, (~member).sum(), -member.sum()))  # in whole numbers, which round nothing
    # Equal scores stand on one side of a threshold together.
    ends = np.flatnonzero(sorted_scores[:-1] != sorted_scores[1:])
    if not (gain[ends] > 0).any():
        return np.inf
    best = ends[np.argmax(gain[ends])]
    last, following = sorted_scores[best], sorted_scores[best + 1]
    # Above minus infinity, and between neighbouring numbers, there is no halfway.
    halfway = (last + following) / 2 if np.isfinite(following) else last
    return float(halfway if halfway > following else last)
