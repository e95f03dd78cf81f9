"""How often an attack is right when it has to say yes or no."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.intervals import Interval, share


@dataclass(frozen=True)
class Verdicts:
    """How right an attack's verdicts are.

    Attributes:
        asr: the share of right verdicts, the attack success rate as the papers define it; with unequal numbers of
            members and non-members it tells the split more than the attack.
        balanced_accuracy: the mean of the shares among members and among non-members; 0.5 for a coin.
        said_member: the share of all rows that were called members.
    """

    asr: Interval
    balanced_accuracy: Interval
    said_member: float


def verdicts(said: npt.NDArray[np.bool_], member: npt.NDArray[np.bool_]) -> Verdicts:
    """Judge verdicts [n], true for "member"."""
    right = said == member
    inside = share(int(right[member].sum()), int(member.sum()))
    outside = share(int(right[~member].sum()), int((~member).sum()))
    return Verdicts(share(int(right.sum()), len(right)), _mean(inside, outside), float(said.mean()))


def uninformed_asr(members: float, said_member: float) -> float:
    """Tell the ASR of somebody who calls rows members without looking.

    Args:
        members: the share of members among the rows: 0.8 in the first version of the DynaNoise paper.
        said_member: the share of rows that are called members.
    """
    return (1 - members) + (2 * members - 1) * said_member


def _mean(a: Interval, b: Interval) -> Interval:
    """Give the mean of two independent shares (the method of variance estimates recovery, Zou and Donner 2008)."""
    value = (a.value + b.value) / 2
    below = np.hypot(a.value - a.low, b.value - b.low) / 2
    above = np.hypot(a.high - a.value, b.high - b.value) / 2
    return Interval(value, float(value - below), float(value + above))
