"""What a user can say about a classifier's scores."""

from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.errors import UsageError


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
        if self.floor is None:
            return
        from dynanoise_export.graph.log_probabilities import LARGEST_FLOOR  # it imports onnx, which takes long

        if not 0 < self.floor < LARGEST_FLOOR:
            raise UsageError(f"The floor must lie between 0 and {LARGEST_FLOOR:g}, not at {self.floor:g}.")
