"""The loss that a training step reduces; most training-time defences change it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from dynanoise_export.types import Int64s


@dataclass(frozen=True)
class TrainingStep:
    """One step of a training.

    Attributes:
        forward: runs the model in training mode: inputs to float32 logits [b, k], or [m, b, k] for a stack.
        inputs: of the batch, after augmentation.
        y: int64 [b], or [m, b] for a stack.
        indices: int64, of the rows, in the shape of `y`.
        epoch: counted from 0.
    """

    forward: Callable[[Mapping[str, torch.Tensor]], torch.Tensor]
    inputs: Mapping[str, torch.Tensor]
    y: torch.Tensor
    indices: Int64s
    epoch: int


class StepLoss(ABC):
    """What a training step reduces."""

    @abstractmethod
    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the mean loss of a batch, [] or [m] for a stack, and the logits that say how accurate the model is.

        The logits have the shape [..., b, k].
        """

    def parts(self) -> Mapping[str, Any]:
        """Give the objects with a `state_dict` that belong to the state of the training."""
        return {}

    def after_epoch(self, model: torch.nn.Module, epoch: int) -> bool:
        """Look at the model after an epoch, counted from 0; True ends the training, which is then complete."""
        return False


class CrossEntropy(StepLoss):
    """The cross-entropy to the labels.

    Args:
        smoothing: the share of the label's probability that is spread over all classes.
    """

    def __init__(self, smoothing: float = 0) -> None:
        self._loss = partial(cross_entropy, label_smoothing=smoothing)

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the mean cross-entropy of each model, and the logits."""
        logits = step.forward(step.inputs)
        return (torch.vmap(self._loss) if logits.ndim == 3 else self._loss)(logits, step.y), logits
