"""From the parts of a statistical check to its verdict."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.validation.check import Check, judge, not_made

# Where even the sharpest of its parts would let a deviation of one half pass, a check has too little to go by.
BLUNT = 0.5
NOTHING_TO_GO_BY = "too little noise was recovered; ask more queries, or ask them more often"


@dataclass(frozen=True)
class Finding:
    """The part of a check that came closest to its limit, or went farthest beyond it.

    Attributes:
        value: its deviation, 0 where all is as it must be.
        limit: the largest deviation that passes in that part.
        part: which part it is.
        sharpest: the smallest limit of all parts.
    """

    value: float
    limit: float
    part: int
    sharpest: float


def worst(deviations: npt.ArrayLike, limits: npt.ArrayLike) -> Finding | None:
    """Find the deviation that is largest in units of its limit; None where there is none at all."""
    sizes, bounds = np.ravel(np.abs(deviations)), np.ravel(limits)
    if not sizes.size:
        return None
    part = int(np.argmax(sizes / bounds))
    return Finding(float(sizes[part]), float(bounds[part]), part, float(bounds.min()))


def verdict(name: str, finding: Finding | None, say: Callable[[Finding], str], rate: float) -> Check:
    """Make a check of a finding.

    Args:
        name: of the check.
        finding: None where there was nothing to look at.
        say: what was found, as the start of a sentence.
        rate: the chance that the check fails on correct noise.
    """
    if finding is None or finding.sharpest > BLUNT:
        return not_made(name, NOTHING_TO_GO_BY)
    return judge(name, finding.value, finding.limit, sentence(say(finding), rate))


def sentence(found: str, rate: float) -> str:
    """End what was found with the check's false-alarm rate."""
    return f"{found[:1].upper()}{found[1:]} (false alarms: {rate:.1g} a run)."
