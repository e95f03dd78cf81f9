"""The decision that each page begins with: whether it passed, against whom, and at what cost."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a page shows a decision."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True)
class Reason:
    """One of the things that a decision rests on.

    Attributes:
        passed: whether it passed.
        text: a sentence.
    """

    passed: bool
    text: str


@dataclass(frozen=True)
class Decision:
    """What a page says first.

    Attributes:
        tone: passed, failed, or no verdict.
        headline: a few words.
        reasons: what the verdict rests on.
        notes: sentences below them.
    """

    tone: Tone
    headline: str
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
