"""The ROC curve, and its left end: how many members are found while few non-members are accused."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from dynanoise_export.intervals import LEVEL, Interval, lower, upper

# A threshold's true FPR and the TPR there are both uncertain, and either bound of the TPR may fail by either.
ERROR = (1 - LEVEL) / 4


@dataclass(frozen=True)
class Curve:
    """A ROC curve, from (0, 0) to (1, 1).

    Attributes:
        false_positives: int [points], how many non-members are accused, rising.
        true_positives: int [points], how many members are found at the same thresholds.
        non_members: n0.
        members: n1.
    """

    false_positives: npt.NDArray[np.int64]
    true_positives: npt.NDArray[np.int64]
    non_members: int
    members: int


def curve(scores: npt.NDArray[np.floating], member: npt.NDArray[np.bool_]) -> Curve:
    """Draw the curve of scores [n]."""
    members, non_members = int(member.sum()), int((~member).sum())
    fpr, tpr, _ = roc_curve(member, scores, drop_intermediate=False)
    return Curve(
        np.rint(fpr * non_members).astype(np.int64), np.rint(tpr * members).astype(np.int64), non_members, members
    )


def turned_round(drawn: Curve) -> Curve:
    """Give the curve of the scores' negatives."""
    return Curve(
        drawn.non_members - drawn.false_positives[::-1],
        drawn.members - drawn.true_positives[::-1],
        drawn.non_members,
        drawn.members,
    )


def fewest_non_members(fpr: float) -> int:
    """Tell how many non-members it takes to show that a threshold, any threshold, keeps to so small an FPR."""
    return int(np.ceil(np.log(ERROR) / np.log1p(-fpr)))


def tpr_at(drawn: Curve, fpr: float) -> Interval | None:
    """Give the TPR at an FPR, with an exact interval that allows for the threshold's own uncertainty.

    Returns:
        The share of members above the lowest threshold that accuses no more than that share of the non-members. Or
        None: there are too few non-members to say.
    """
    if drawn.non_members < fewest_non_members(fpr):
        return None
    surely_below, surely_above = _bounds(drawn.non_members, fpr)
    value = drawn.true_positives[_last(drawn, int(np.floor(fpr * drawn.non_members + 1e-9)))] / drawn.members
    found_low = drawn.true_positives[_last(drawn, surely_below)]
    # A threshold that keeps to the FPR is above the score that comes with one accused too many, and above its ties.
    found_high = drawn.true_positives[_last(drawn, surely_above - 1)]
    return Interval(
        float(value),
        float(lower(found_low, drawn.members, ERROR)),
        float(upper(found_high, drawn.members, ERROR)),
    )


def _last(drawn: Curve, most: int) -> int:
    return int(np.searchsorted(drawn.false_positives, most, side="right")) - 1


@cache
def _bounds(non_members: int, fpr: float) -> tuple[int, int]:
    """Tell how many accused show that the true FPR is at most, and how many that it is at least, the one asked for.

    Where all of them together don't show the latter, nothing short of accusing everybody does: one more than there are.
    """
    counts = np.arange(non_members + 1)
    below = np.flatnonzero(upper(counts, non_members, ERROR) <= fpr)
    above = np.flatnonzero(lower(counts, non_members, ERROR) >= fpr)
    # With the fewest non-members that can tell, none accused is enough, whatever rounding says.
    return int(below[-1]) if len(below) else 0, int(above[0]) if len(above) else non_members + 1
