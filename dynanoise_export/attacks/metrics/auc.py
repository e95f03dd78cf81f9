"""The area under the ROC curve: the probability that a member scores above a non-member."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from dynanoise_export.intervals import LEVEL, Interval

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placements:
    """Where each row's score stands on the other side.

    Attributes:
        members: [n1], the share of non-members that a member's score exceeds; a tie counts half.
        non_members: [n0], the share of members that exceed a non-member's score.
    """

    members: Floats
    non_members: Floats


def placements(scores: npt.NDArray[np.floating], member: npt.NDArray[np.bool_]) -> Placements:
    """Endpoint scores [n], by ranks, in n log n steps (Sun and Xu 2014)."""
    ranks = rankdata(scores)
    inside, outside = scores[member], scores[~member]
    return Placements(
        (ranks[member] - rankdata(inside)) / len(outside),
        1 - (ranks[~member] - rankdata(outside)) / len(inside),
    )


def auc(placed: Placements) -> Interval:
    """Give the AUC with its interval (DeLong, DeLong and Clarke-Pearson 1988)."""
    value = float(placed.members.mean())
    if value in (0.0, 1.0):  # no score stands on the wrong side, and the variance is no guide
        rows = min(len(placed.members), len(placed.non_members))
        bound = ((1 - LEVEL) / 2) ** (1 / rows)
        return Interval(value, bound, 1.0) if value == 1 else Interval(value, 0.0, 1 - bound)
    low, high = _around(value, placed.members, placed.non_members)
    return Interval(value, max(low, 0.0), min(high, 1.0))


def difference(first: Placements, second: Placements) -> Interval:
    """Give by how much the first AUC exceeds the second, of other scores of the same rows, likewise."""
    members = first.members - second.members
    value = float(members.mean())
    return Interval(value, *_around(value, members, first.non_members - second.non_members))


def _around(value: float, members: Floats, non_members: Floats) -> tuple[float, float]:
    variance = members.var(ddof=1) / len(members) if len(members) > 1 else 0.25
    variance += non_members.var(ddof=1) / len(non_members) if len(non_members) > 1 else 0.25
    half = float(norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance))
    return value - half, value + half
