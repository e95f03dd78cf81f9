"""How a model is trained, as a record that can be compared, changed and written to a file."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Optimizer(StrEnum):
    """The rule that changes the weights."""

    SGD = "sgd"
    ADAMW = "adamw"


class Schedule(StrEnum):
    """The learning rate over time: constant, or one cycle up and down (Smith and Topin 2018)."""

    CONSTANT = "constant"
    ONE_CYCLE = "one-cycle"


class Augmentation(StrEnum):
    """Random changes to each image, drawn again in each epoch."""

    NONE = "none"
    FLIP = "flip"
    FLIP_AND_CROP = "flip-and-crop"


class TrainingDefence(StrEnum):
    """A defence against membership inference at training time; `objectives.OBJECTIVES` has the loss of each.

    Label smoothing is a baseline: with it, models leak more.
    """

    NONE = "none"
    LABEL_SMOOTHING = "label-smoothing"


@dataclass(frozen=True)
class Settings:
    """The settings of one training.

    Attributes:
        epochs: passes over the training rows.
        batch: rows per step.
        optimizer: the rule that changes the weights.
        learning_rate: of the optimizer; the peak of a one-cycle schedule.
        momentum: of SGD.
        weight_decay: of the optimizer.
        schedule: the learning rate over time.
        augmentation: of images.
        mixed_precision: compute in 16 bits if the processor or the GPU has the instructions for it.
        defence: at training time.
    """

    epochs: int
    batch: int
    optimizer: Optimizer
    learning_rate: float
    momentum: float = 0
    weight_decay: float = 0
    schedule: Schedule = Schedule.CONSTANT
    augmentation: Augmentation = Augmentation.NONE
    mixed_precision: bool = False
    defence: TrainingDefence = TrainingDefence.NONE

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, which JSON and `torch.save` accept."""
        return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}
