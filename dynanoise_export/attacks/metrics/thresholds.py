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
    gain = np.cumsum(np.where(sorted_member, 1 / member.sum(), -1 / (~member).sum()))
    # Equal scores stand on one side of a threshold together.
    ends = np.append(np.flatnonzero(np.diff(sorted_scores)), len(scores) - 1)
    best = ends[np.argmax(gain[ends])]
    if gain[best] <= 1e-12:
        return np.inf
    following = sorted_scores[min(best + 1, len(scores) - 1)]
    return float((sorted_scores[best] + following) / 2)
