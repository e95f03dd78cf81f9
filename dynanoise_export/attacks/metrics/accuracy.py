"""The accuracy of an attack that must say "member" or "non-member"."""

from dataclasses import dataclass

import numpy as np

from dynanoise_export.intervals import Interval, proportion
from dynanoise_export.types import Bools


@dataclass(frozen=True)
class Verdicts:
    """The accuracy of an attack's verdicts.

    Attributes:
        asr: the share of correct verdicts, which the papers call the attack success rate. With unequal numbers of
            members and non-members it says more about the split than about the attack.
        balanced_accuracy: the mean of the shares among members and among non-members; 0.5 by chance.
        called_members: the share of all rows that the attack calls members.
    """

    asr: Interval
    balanced_accuracy: Interval
    called_members: float


def verdicts(said: Bools, member: Bools) -> Verdicts:
    """Judge verdicts.

    Args:
        said: bool [n], true for "member".
        member: bool [n], the truth.
    """
    correct = said == member
    inside = proportion(int(correct[member].sum()), int(member.sum()))
    outside = proportion(int(correct[~member].sum()), int((~member).sum()))
    return Verdicts(proportion(int(correct.sum()), len(correct)), _mean(inside, outside), float(said.mean()))


def uninformed_asr(members: float, called_members: float) -> float:
    """Compute the ASR of an attack that calls rows members without looking at them.

    Args:
        members: the share of members among the rows; 0.8 in the first version of the DynaNoise paper.
        called_members: the share of rows that the attack calls members.
    """
    return (1 - members) + (2 * members - 1) * called_members


def _mean(a: Interval, b: Interval) -> Interval:
    """Compute the mean of two independent shares (method of variance estimates recovery, Zou and Donner 2008)."""
    value = (a.value + b.value) / 2
    below = np.hypot(a.value - a.low, b.value - b.low) / 2
    above = np.hypot(a.high - a.value, b.high - b.value) / 2
    return Interval(value, float(value - below), float(value + above))
