"""What an attack is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

from dynanoise_export.attacks.evidence import Evidence, ShadowEvidence
from dynanoise_export.errors import UsageError
from dynanoise_export.types import Float64s


class Requirement(StrEnum):
    """What an attacker may lack for an attack."""

    SHADOW_MODELS = "shadow-models"
    AUXILIARY_ROWS = "auxiliary-rows"
    PACKAGE = "package"


@dataclass(frozen=True)
class Attack:
    """A way to distinguish members from non-members.

    It is found by its code in the registry `dynanoise_export.attacks`; docs/architecture.md shows how to add one.

    Attributes:
        code: its name in the registry, stable across versions.
        name: for reports.
        source: the paper that describes it.
        score: an attacker's evidence on n rows to a score float64 [n], larger for likely members.
        shadows: how many shadow models it needs at least; half of them were trained on a row, half were not.
        auxiliary: how many rows it needs at least that are known to be non-members.
        fixed_threshold: the score from which on the attack says "member", if the attack itself fixes it.
        labels_only: whether it looks at the labels of the answers alone.
        package: the optional package that it needs, by the name of its import; "" for none.
    """

    code: str
    name: str
    source: str
    score: Callable[[Evidence], Float64s]
    shadows: int = 0
    auxiliary: int = 0
    fixed_threshold: float | None = None
    labels_only: bool = False
    package: str = ""

    def missing(self, shadows: int, auxiliary: int) -> "SkippedAttack | None":
        """Find what is missing if an attacker has this many shadow models and auxiliary rows; None if nothing is."""
        if self.package and find_spec(self.package) is None:
            return SkippedAttack(self, Requirement.PACKAGE, 1, 0)
        if shadows < self.shadows:
            return SkippedAttack(self, Requirement.SHADOW_MODELS, self.shadows, shadows)
        if auxiliary < self.auxiliary:
            return SkippedAttack(self, Requirement.AUXILIARY_ROWS, self.auxiliary, auxiliary)
        return None

    def can_run(self, evidence: Evidence) -> bool:
        """Whether the evidence has all that the attack needs."""
        shadows = len(evidence.shadows) if evidence.shadows else 0
        return self.missing(shadows, int(evidence.auxiliary.sum())) is None


@dataclass(frozen=True)
class SkippedAttack:
    """An attack that could not run.

    Attributes:
        attack: the attack.
        requirement: what is missing.
        needed: how many the attack needs at least.
        given: how many the attacker has.
    """

    attack: Attack
    requirement: Requirement
    needed: int
    given: int

    @property
    def reason(self) -> str:
        """A clause for people, without a subject or a full stop."""
        if self.requirement is Requirement.PACKAGE:
            return f"needs the package {self.attack.package}, which the extra torch brings"
        what = self.requirement.replace("-", " ")
        return f"needs at least {self.needed} {what}, and has {self.given or 'none'}"


def shadows_of(evidence: Evidence) -> ShadowEvidence:
    """Get the shadow models of an attack that needs them.

    Raises:
        UsageError: there are none.
    """
    if evidence.shadows is None:
        raise UsageError("The attack needs shadow models: give --shadows.")
    return evidence.shadows
