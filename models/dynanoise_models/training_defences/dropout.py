"""Dropout (Srivastava et al. 2014) and a larger weight decay: the common means against overfitting."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.functional import dropout
from torch.utils.hooks import RemovableHandle

from dynanoise_export.defences.base import require_between
from dynanoise_models.training.step_loss import CrossEntropy
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class Dropout(TrainingDefence):
    """Dropout and weight decay.

    Attributes:
        rate: the share of the inputs of each linear layer that a step of the training leaves out. The network's first
            layer keeps all of its inputs.
        l2: is added to the weight decay of the target's own settings.
    """

    rate: float = 0.5
    l2: float = 5e-4

    name = "dropout"
    summary = "dropout before each linear layer but the first, and weight decay"

    def __post_init__(self) -> None:
        require_between("rate", self.rate, 0, 0.99)
        require_between("l2", self.l2, 0, 100)

    def fit(self, training: Training) -> Fitted:
        """Train with dropout, which the network has no more afterwards, and with weight decay."""
        settings = training.task.settings
        settings = replace(settings, weight_decay=settings.weight_decay + self.l2)
        model = training.model()
        handles = add_dropout(model, self.rate)
        try:
            return fit_with(CrossEntropy(), replace(training, task=replace(training.task, settings=settings)), model)
        finally:
            for handle in handles:
                handle.remove()


def add_dropout(model: nn.Module, rate: float) -> list[RemovableHandle]:
    """Drop inputs of each linear layer but the network's first layer, in training mode; no weight changes its name."""

    def drop(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[torch.Tensor, ...]:
        return (dropout(inputs[0], rate, layer.training), *inputs[1:])

    layers = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    return [layer.register_forward_pre_hook(drop) for layer in layers[1:] if isinstance(layer, nn.Linear)]
