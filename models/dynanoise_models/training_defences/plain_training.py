"""Training without a defence: the loss is the cross-entropy."""

from dataclasses import dataclass

import torch

from dynanoise_models.training.loop import fit
from dynanoise_models.training.step_loss import CrossEntropy, StepLoss
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class PlainTraining(TrainingDefence):
    """No defence."""

    name = "none"
    summary = "no defence"
    stackable = True

    def fit(self, training: Training) -> Fitted:
        """Train with the cross-entropy."""
        return fit_with(CrossEntropy(), training)


def fit_with(loss: StepLoss, training: Training, model: torch.nn.Module | None = None) -> Fitted:
    """Train a model, or a stack, from its first weights with a loss of its own.

    Args:
        loss: what each step reduces.
        training: what to train on, and how.
        model: the model, on the device; None to make it.
    """
    model = training.model() if model is None else model
    epochs = fit(model, training.task, training.device, loss=loss, stopped=training.stopped, progress=training.progress)
    return Fitted(model, epochs, {})
