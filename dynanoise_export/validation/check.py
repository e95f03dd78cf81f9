"""What one check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: of the check.
        passed: whether what it looked at is right; False too where it could not be made.
        value: what was measured; None where the check could not be made.
        limit: the largest value that passes, in the same unit; None where the check could not be made.
        detail: one sentence for people.
        warning: a failure tells of a weakness of the place where the model runs, not of a wrong model.
    """

    name: str
    passed: bool
    value: float | None
    limit: float | None
    detail: str
    warning: bool = False


def judge(name: str, value: float, limit: float, detail: str) -> Check:
    """Make the check that passes where the value is at most the limit; NaN never passes."""
    return Check(name, bool(value <= limit), float(value), float(limit), detail)


def not_made(name: str, reason: str) -> Check:
    """Make the check that could not be made, which is not a pass."""
    return Check(name, passed=False, value=None, limit=None, detail=f"The check could not be made: {reason}.")
