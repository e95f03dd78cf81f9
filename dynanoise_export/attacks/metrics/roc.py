"""The ROC curve, and its left end: how many members are found while few non-members are accused."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from dynanoise_export.intervals import LEVEL, Interval, lower_bound, upper_bound
from dynanoise_export.types import Bools, Floats, Int64s

# A threshold's true FPR and the TPR there are both uncertain, and each of the two bounds on the TPR may fail by either.
ERROR = (1 - LEVEL) / 4


@dataclass(frozen=True)
class Curve:
    """A ROC curve, from (0, 0) to (1, 1).

    Attributes:
        false_positives: int64 [p], how many non-members are called members at each point, rising.
        true_positives: int64 [p], how many members are called members there.
        non_members: n0.
        members: n1.
    """

    false_positives: Int64s
    true_positives: Int64s
    non_members: int
    members: int


def curve(scores: Floats, member: Bools) -> Curve:
    """Compute the ROC curve of scores [n]."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of rows with the same score, which no threshold separates
    found, accused = (np.concatenate([[0], np.cumsum(called)[last]]) for called in (member[order], ~member[order]))
    return Curve(accused, found, int((~member).sum()), int(member.sum()))


def inverted(roc: Curve) -> Curve:
    """Compute the curve of the negative scores."""
    return Curve(
        roc.non_members - roc.false_positives[::-1],
        roc.members - roc.true_positives[::-1],
        roc.non_members,
        roc.members,
    )


def non_members_needed(fpr: float) -> int:
    """Compute how many non-members are needed to show that a threshold, any threshold, keeps to an FPR."""
    return int(np.ceil(np.log(ERROR) / np.log1p(-fpr)))


def tpr_at(roc: Curve, fpr: float) -> Interval | None:
    """Compute the TPR at an FPR, with an exact interval that includes the uncertainty of the threshold.

    Returns:
        The share of members above the lowest threshold that accuses no larger share of the non-members. None if there
        are too few non-members to measure it.
    """
    if roc.non_members < non_members_needed(fpr):
        return None
    surely_below, surely_above = _surely(roc.non_members, fpr)
    value = roc.true_positives[_last(roc, int(np.floor(fpr * roc.non_members + 1e-9)))] / roc.members
    found_low = roc.true_positives[_last(roc, surely_below)]
    # A threshold that keeps to the FPR is above the score at which too many are accused, and above its ties.
    found_high = roc.true_positives[_last(roc, surely_above - 1)]
    return Interval(
        float(value),
        float(lower_bound(found_low, roc.members, ERROR)),
        float(upper_bound(found_high, roc.members, ERROR)),
    )


def _last(roc: Curve, most: int) -> int:
    return int(np.searchsorted(roc.false_positives, most, side="right")) - 1


@cache
def _surely(non_members: int, fpr: float) -> tuple[int, int]:
    """Compute how many accused non-members show that the true FPR is at most this one, and how many, at least.

    If not even all of them show the latter, the second number is one more than there are.
    """
    counts = np.arange(non_members + 1)
    below = np.flatnonzero(upper_bound(counts, non_members, ERROR) <= fpr)
    above = np.flatnonzero(lower_bound(counts, non_members, ERROR) >= fpr)
    # With just enough non-members, none accused is enough, even if the bound is rounded to above the FPR.
    return int(below[-1]) if len(below) else 0, int(above[0]) if len(above) else non_members + 1
