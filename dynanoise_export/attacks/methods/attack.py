"""What an attack is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.evidence import Evidence, Shadows
from dynanoise_export.errors import UserError

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attack:
    """A way to tell members from non-members.

    Attributes:
        name: as reports call it.
        source: the paper that it is of.
        score: what an attacker holds on n queries to a score [n] for each, larger for likely members.
        shadows: how many shadow models it needs at least; half of them have learnt a query, half have not.
        auxiliary: how many rows it needs at least that are known to be no members.
        cut: the score from which on it says "member", where the attack itself fixes it.
        labels_only: whether it looks at the answers' labels alone.
    """

    name: str
    source: str
    score: Callable[[Evidence], Scores]
    shadows: int = 0
    auxiliary: int = 0
    cut: float | None = None
    labels_only: bool = False

    def lacking(self, shadows: int, auxiliary: int) -> str | None:
        """Tell what an attacker with so many shadow models and auxiliary rows lacks for it, in words, or None."""
        if shadows < self.shadows:
            return f"needs {self.shadows} shadow models or more, and has {shadows or 'none'}"
        if auxiliary < self.auxiliary:
            return f"needs {self.auxiliary} auxiliary rows or more, and has {auxiliary or 'none'}"
        return None

    def has_means(self, evidence: Evidence) -> bool:
        """Tell whether an attacker lacks nothing for it."""
        held = len(evidence.shadows) if evidence.shadows else 0
        return self.lacking(held, int(evidence.auxiliary.sum())) is None


def shadows_of(evidence: Evidence) -> Shadows:
    """Give the shadow models of an attack that needs them.

    Raises:
        UserError: there are none.
    """
    if evidence.shadows is None:
        raise UserError("The attack needs shadow models: give --shadows.")
    return evidence.shadows
