"""Early stopping (Prechelt 1998): the training ends when the loss on rows that nobody trains on no longer falls."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from dynanoise_export.defences.base import require_between
from dynanoise_export.errors import UsageError
from dynanoise_export.types import Int64s
from dynanoise_models.training.rows import predict
from dynanoise_models.training.settings import Schedule, Settings
from dynanoise_models.training.step_loss import CrossEntropy, StepLoss, TrainingStep
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class EarlyStopping(TrainingDefence):
    """Early stopping.

    Attributes:
        patience: the training ends when so many epochs in a row have not lowered the loss on the reference rows; the
            model is that of the epoch with the lowest loss.
        learning_rate: constant; 0 for the target's own, if that is constant too.
    """

    patience: float = 5
    learning_rate: float = 0

    name = "early-stopping"
    summary = "ends when the loss on reference rows no longer falls; needs them"

    def __post_init__(self) -> None:
        require_between("patience", self.patience, 1, 10_000)
        require_between("learning_rate", self.learning_rate, 0, 100)

    def fit(self, training: Training) -> Fitted:
        """Train until the loss on the reference rows no longer falls, and take the best weights.

        Raises:
            UsageError: there are no reference rows, or the target has no constant rate.
        """
        reference = training.require_reference(self.name)
        training = replace(training, task=replace(training.task, settings=self._settings(training.task.settings)))
        loss = WatchedLoss(self.patience, training, reference)
        fitted = fit_with(loss, training)
        return Fitted(fitted.model, fitted.epochs, {"best epoch": float(loss.best.epoch + 1)})

    def _settings(self, own: Settings) -> Settings:
        """Give the target's settings a constant rate.

        With a one-cycle schedule the rate is low in the last epochs alone: the last one would be the best, or noise
        would end the training in the first ones, where the rate rises.
        """
        if self.learning_rate:
            return replace(own, learning_rate=self.learning_rate, schedule=Schedule.CONSTANT)
        if own.schedule is not Schedule.CONSTANT:
            raise UsageError(
                f"--defence {self.name} needs a constant learning rate, and the target has a {own.schedule} schedule: "
                "give --parameter learning_rate=RATE, well below its peak, or drop the defence and train for fewer "
                "--epochs."
            )
        return own


class Best:
    """The best epoch so far, as a part of the state of the training.

    Attributes:
        loss: on the reference rows, the lowest.
        epoch: its epoch, counted from 0; -1 before the first.
        weights: the model's state after it.
    """

    def __init__(self) -> None:
        self.loss, self.epoch = math.inf, -1
        self.weights: dict[str, torch.Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """Give all of it."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.loss, self.epoch, self.weights = state["loss"], state["epoch"], state["weights"]


class WatchedLoss(StepLoss):
    """The cross-entropy, with a look at the reference rows after each epoch.

    Args:
        patience: in epochs.
        training: of a single model.
        reference: int64 [r], the rows to look at.
    """

    def __init__(self, patience: float, training: Training, reference: Int64s) -> None:
        self._patience, self._training, self._reference = patience, training, reference
        self._loss = CrossEntropy()
        self.best = Best()

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the mean cross-entropy, and the logits."""
        return self._loss(step)

    def parts(self) -> Mapping[str, Any]:
        """Give the best epoch so far."""
        return {"best": self.best}

    def after_epoch(self, model: torch.nn.Module, epoch: int) -> bool:
        """Compare the epoch with the best; at the end, give the model the best weights."""
        rows = self._training.task.rows
        logits = torch.from_numpy(predict(model, rows, self._training.device, self._reference))
        loss = float(cross_entropy(logits, torch.from_numpy(rows.y[self._reference])))
        if loss < self.best.loss:
            self.best.loss, self.best.epoch = loss, epoch
            self.best.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        patience_ends = epoch - self.best.epoch >= self._patience
        last = patience_ends or epoch + 1 == self._training.task.settings.epochs
        if last:
            model.load_state_dict(self.best.weights)
        return last
