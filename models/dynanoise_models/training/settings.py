"""How a model is trained, as a record that can be compared, changed and written to a file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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


class DefenceName(StrEnum):
    """The defences against membership inference at training time, by name; `training_defences` has a module for each.

    Label smoothing is a baseline: with it, models leak more.
    """

    NONE = "none"
    LABEL_SMOOTHING = "label-smoothing"
    RELAXLOSS = "relaxloss"
    HAMP = "hamp"
    ADVREG = "advreg"
    EARLY_STOPPING = "early-stopping"
    DROPOUT = "dropout"
    MIXUP_MMD = "mixup-mmd"
    SELENA = "selena"
    DPSGD = "dpsgd"
    OPTIMAL_NOISE = "optimal-noise"


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
        defence_parameters: of the defence, by name; those not given have its defaults.
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
    defence: DefenceName = DefenceName.NONE
    defence_parameters: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, which JSON and `torch.save` accept."""
        values = {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}
        if not self.defence_parameters:  # so that earlier stores and checkpoints state the same
            del values["defence_parameters"]
        return values
