"""The area under the ROC curve: the probability that a member scores above a non-member."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from dynanoise_export.intervals import LEVEL, Interval
from dynanoise_export.types import Bools, Float64s, Floats


@dataclass(frozen=True)
class Placements:
    """The place of each row's score among the scores of the other set, from which AUCs are computed.

    Attributes:
        members: [n1], the share of non-members that a member's score exceeds; a tie counts half.
        non_members: [n0], the share of members that exceed a non-member's score.
    """

    members: Float64s
    non_members: Float64s


def placements(scores: Floats, member: Bools) -> Placements:
    """Place scores [n] by ranks, in n log n steps (Sun and Xu 2014)."""
    ranks = rankdata(scores)
    inside, outside = scores[member], scores[~member]
    return Placements(
        (ranks[member] - rankdata(inside)) / len(outside),
        1 - (ranks[~member] - rankdata(outside)) / len(inside),
    )


def auc(placed: Placements, error: float = 1 - LEVEL) -> Interval:
    """Compute the AUC with its interval (DeLong, DeLong and Clarke-Pearson 1988).

    Args:
        placed: the places of the scores.
        error: how often the interval may miss the true AUC, at most.
    """
    value = float(placed.members.mean())
    if value in (0.0, 1.0):  # the sets do not overlap, and the variance of 0 means nothing
        rows = min(len(placed.members), len(placed.non_members))
        bound = (error / 2) ** (1 / rows)
        return Interval(value, bound, 1.0) if value == 1 else Interval(value, 0.0, 1 - bound)
    low, high = _around(value, placed.members, placed.non_members, error)
    return Interval(value, max(low, 0.0), min(high, 1.0))


def auc_difference(first: Placements, second: Placements) -> Interval:
    """Compute the first AUC less the second, of other scores of the same rows, with its interval likewise."""
    members = first.members - second.members
    value = float(members.mean())
    return Interval(value, *_around(value, members, first.non_members - second.non_members))


def _around(value: float, members: Float64s, non_members: Float64s, error: float = 1 - LEVEL) -> tuple[float, float]:
    variance = members.var(ddof=1) / len(members) if len(members) > 1 else 0.25
    variance += non_members.var(ddof=1) / len(non_members) if len(non_members) > 1 else 0.25
    half = float(norm.ppf(1 - error / 2) * np.sqrt(variance))
    return value - half, value + half
