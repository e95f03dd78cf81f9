"""From the parts of a statistical check to its result."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.validation.check import Check, CheckCode, judge, not_run

# A check is not run if even its sharpest part would let a deviation of one half pass.
BLUNT = 0.5
TOO_LITTLE_NOISE = "too little noise was recovered"


@dataclass(frozen=True)
class Finding:
    """The part of a check that came closest to its limit, or exceeded it the most.

    Attributes:
        value: its deviation; 0 if all is right.
        limit: the largest deviation that passes in that part.
        part: the number of the part.
        sharpest: the smallest limit of all parts.
    """

    value: float
    limit: float
    part: int
    sharpest: float


def worst(deviations: npt.ArrayLike, limits: npt.ArrayLike) -> Finding | None:
    """Find the deviation that is largest in units of its limit; None if there are no deviations."""
    sizes, bounds = np.ravel(np.abs(deviations)), np.ravel(limits)
    if not sizes.size:
        return None
    part = int(np.argmax(sizes / bounds))
    return Finding(float(sizes[part]), float(bounds[part]), part, float(bounds.min()))


def verdict(code: CheckCode, finding: Finding | None, say: Callable[[Finding], str], rate: float) -> Check:
    """Make a check of a finding.

    Args:
        code: of the check.
        finding: None if there was nothing to look at.
        say: describes the finding, as the start of a sentence.
        rate: the chance that the check fails on correct noise.
    """
    if finding is None or finding.sharpest > BLUNT:
        return not_run(code, TOO_LITTLE_NOISE)
    return judge(code, finding.value, finding.limit, sentence(say(finding), rate))


def explained(check: Check, why: Callable[[], str]) -> Check:
    """Say why too little noise was recovered, and what helps, if a check was not run for that; else leave the check."""
    return not_run(check.code, why()) if check == not_run(check.code, TOO_LITTLE_NOISE) else check


def sentence(found: str, rate: float) -> str:
    """Add the check's false-alarm rate to what was found, and make a sentence of both."""
    return f"{found[:1].upper()}{found[1:]} (false alarms: {rate:.1g} per run)."
