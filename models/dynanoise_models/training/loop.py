"""The one training loop, for single models and for stacks of them."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dynanoise_export.errors import DataError
from dynanoise_export.types import Int64s, Progress, Step, no_progress
from dynanoise_models.training.augmentation import augmented
from dynanoise_models.training.devices import half_precision
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import Rows, logits_of
from dynanoise_models.training.settings import Optimizer, Schedule, Settings
from dynanoise_models.training.stack import Stack
from dynanoise_models.training.step_loss import CrossEntropy, StepLoss, TrainingStep

SAVING = 0.05  # the share of its time that a training may spend on saving its state
WARM_UP = 0.25  # the share of a one-cycle schedule in which the rate rises
SHORTEST_CYCLE = 5  # steps: with fewer, PyTorch divides by a rise of no steps


@dataclass(frozen=True)
class EpochStep(Step):
    """How far a training has come: `done` epochs, with a fraction within an epoch, of `total`.

    Attributes:
        loss: mean over the rows of this epoch so far.
        accuracy: likewise, in training mode.
    """

    loss: float = math.nan
    accuracy: float = math.nan


@dataclass(frozen=True)
class Task:
    """What to train on, and how.

    Attributes:
        rows: all rows.
        indices: int64 [m, n], the rows that each of the m models of a stack trains on; m is 1 for a single model.
        seeds: m of them, for the order of each model's rows.
        settings: of the training.
        state: where the training saves its state, and goes on from what it saved before; None to save nothing.
    """

    rows: Rows
    indices: Int64s
    seeds: Sequence[int]
    settings: Settings
    state: State | None = None


def never() -> bool:
    """Let a training run to its end."""
    return False


def fit(
    model: torch.nn.Module,
    task: Task,
    device: torch.device,
    *,
    loss: StepLoss | None = None,
    stopped: Callable[[], bool] = never,
    progress: Progress = no_progress,
) -> float:
    """Train a model, or a stack of them, in place.

    Args:
        model: on the device.
        task: what to train on, and how.
        device: where the model is.
        loss: what each step reduces; None for the cross-entropy.
        stopped: called after every step; the training ends early when it returns True.
        progress: called after every step with an `EpochStep`.

    Returns:
        The number of epochs that are done: all of them, unless the training was stopped.

    Raises:
        DataError: the loss is no longer a finite number.
    """
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(task.seeds[0])
        return TrainingLoop(model, task, device, loss or CrossEntropy()).run(progress, stopped)


class TrainingLoop:
    """A training from its saved state to its end; a subclass may draw other batches and make other steps.

    Args:
        model: on the device.
        task: what to train on, and how.
        device: where the model is.
        loss: what each step reduces.
    """

    def __init__(self, model: torch.nn.Module, task: Task, device: torch.device, loss: StepLoss) -> None:
        self.model, self.task, self.device = model, task, device
        settings = task.settings
        self.steps = math.ceil(task.indices.shape[1] / settings.batch)
        self.optimizer = _optimizer(model, settings)
        self.schedule = _schedule(self.optimizer, settings, self.steps)
        self.orders = [np.random.default_rng(seed) for seed in task.seeds]
        self.half = half_precision(device) if settings.mixed_precision else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.half is torch.float16)
        self.loss = loss
        self.started, self.saving = time.monotonic(), 0.0

    def run(self, progress: Progress, stopped: Callable[[], bool]) -> float:
        """Train; give the number of epochs that are done."""
        epochs = self.task.settings.epochs
        for epoch in range(self._resume(), epochs):
            for done, loss, accuracy in self._epoch(epoch):
                unit = f"epochs, loss {loss:.3f}, accuracy {accuracy:.3f}"
                progress(EpochStep("Training", done, epochs, unit, loss, accuracy))
                if stopped() and done < epochs:
                    return done
            last = self.loss.after_epoch(self.model, epoch)
            self._save(epochs if last else epoch + 1)
            if last:
                break
        return float(epochs)

    def _epoch(self, epoch: int) -> Iterator[tuple[float, float, float]]:
        """Train for one epoch; yield the epochs done, the mean loss and the accuracy of the epoch after each step."""
        rows, loss, correct = 0, 0.0, 0.0
        for step, indices in enumerate(self.batches(), 1):
            step_loss, step_correct = self.step(indices, epoch)
            rows, loss, correct = rows + indices.size, loss + step_loss * indices.size, correct + step_correct
            if not math.isfinite(loss):
                raise DataError(
                    f"The loss is {step_loss} in epoch {epoch + 1}: check that the rows are finite numbers, or train "
                    "with other settings."
                )
            yield epoch + step / self.steps, loss / max(rows, 1), correct / max(rows, 1)

    def batches(self) -> Iterator[Int64s]:
        """Yield the indices of the rows [m, b] of each step, in a new order for each model."""
        pairs = zip(self.orders, self.task.indices, strict=True)
        shuffled = np.stack([generator.permutation(indices) for generator, indices in pairs])
        for start in range(0, shuffled.shape[1], self.task.settings.batch):
            yield shuffled[:, start : start + self.task.settings.batch]

    def step(self, indices: Int64s, epoch: int) -> tuple[float, float]:
        """Change the weights once; give the mean loss and the number of correct answers."""
        indices = indices if isinstance(self.model, Stack) else indices[0]
        self.model.train()
        inputs, y = self.task.rows.batch(indices, self.device)
        inputs = augmented(inputs, self.task.settings.augmentation)
        self.optimizer.zero_grad()
        losses, logits = self.loss(TrainingStep(self._forward, inputs, y, indices, epoch))
        self.scaler.scale(losses.sum()).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return float(losses.detach().mean()), float((logits.argmax(dim=-1) == y).sum())

    def _forward(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            return logits_of(self.model, inputs).float()

    def _parts(self) -> dict[str, Any]:
        own = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule, "scaler": self.scaler}
        return own | dict(self.loss.parts())

    def _resume(self) -> int:
        state = self.task.state
        return state.load(self._parts(), self.orders, self.device) if state else 0

    def _save(self, epochs: int) -> None:
        """Save the state after an epoch, unless saving would slow down the training of a small model."""
        start = time.monotonic()
        last = epochs == self.task.settings.epochs
        if self.task.state and (last or self.saving <= SAVING * (start - self.started)):
            self.task.state.save(self._parts(), self.orders, self.device, epochs)
            self.saving += time.monotonic() - start


def _schedule(optimizer: torch.optim.Optimizer, settings: Settings, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule is Schedule.CONSTANT:
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)
    total = max(SHORTEST_CYCLE, settings.epochs * steps)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total, pct_start=WARM_UP)


def _optimizer(model: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    if settings.optimizer is Optimizer.ADAMW:
        return torch.optim.AdamW(
            model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
    return torch.optim.SGD(
        model.parameters(), settings.learning_rate, settings.momentum, weight_decay=settings.weight_decay,
        nesterov=settings.momentum > 0, fused=True,
    )  # fmt: skip
