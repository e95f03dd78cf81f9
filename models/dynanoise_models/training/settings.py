"""How a model is trained, as a record that can be compared, changed and written down."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Optimizer(StrEnum):
    """Which rule moves the weights."""

    SGD = "sgd"
    ADAMW = "adamw"


class Schedule(StrEnum):
    """How the learning rate goes: as it is, or up and down again in one cycle (Smith and Topin 2018)."""

    CONSTANT = "constant"
    ONE_CYCLE = "one-cycle"


class Augmentation(StrEnum):
    """What happens to each image anew in each epoch."""

    NONE = "none"
    FLIP = "flip"
    FLIP_AND_CROP = "flip-and-crop"


class Defence(StrEnum):
    """What training does against membership inference; `objectives.OBJECTIVES` has the loss of each."""

    NONE = "none"
    LABEL_SMOOTHING = "label-smoothing"


@dataclass(frozen=True)
class Settings:
    """The settings of one training.

    Attributes:
        epochs: how often each row is seen.
        batch: rows in a step.
        optimizer: which rule moves the weights.
        learning_rate: of the optimizer; the highest one of a one-cycle schedule.
        momentum: of SGD.
        weight_decay: of the optimizer.
        schedule: of the learning rate.
        augmentation: of images.
        mixed_precision: compute in 16 bits where the processor or the GPU has the instructions for it.
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
    defence: Defence = Defence.NONE

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, which JSON and `torch.save` take."""
        return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}
