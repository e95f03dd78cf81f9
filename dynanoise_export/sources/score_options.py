"""What a user can say about a classifier's scores."""

from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.errors import UsageError

# A higher floor would make every answer of a model with many classes the same.
MOST = 0.1


class TreatAs(StrEnum):
    """What a user can say that a model's scores are."""

    LOGITS = "logits"
    PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class ScoreOptions:
    """What a user can say about a classifier's scores.

    Attributes:
        treat_as: what they are; None to find out.
        binary: the model has one score, which is that of the second of two classes.
        floor: the smallest probability that the defence distinguishes, for a model that gives probabilities and whose
            logits can't be reached; None for the default.
    """

    treat_as: TreatAs | None = None
    binary: bool = False
    floor: float | None = None

    def __post_init__(self) -> None:
        if self.floor is not None and not 0 < self.floor < MOST:
            raise UsageError(f"The floor must lie between 0 and {MOST:g}, not at {self.floor:g}.")
