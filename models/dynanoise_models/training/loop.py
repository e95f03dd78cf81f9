"""The one training loop, for single models and for stacks of them."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.errors import UserError
from dynanoise_models.training.augmentation import augment
from dynanoise_models.training.devices import half_precision
from dynanoise_models.training.objectives import OBJECTIVES
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import Rows, logits_of
from dynanoise_models.training.settings import Optimizer, Schedule, Settings
from dynanoise_models.training.stack import Stack

SAVING = 0.05  # the share of its time that a training may spend on saving its state
WARM_UP = 0.25  # the share of a one-cycle schedule in which the rate rises


@dataclass(frozen=True)
class Epoch:
    """How far a training is.

    Attributes:
        done: epochs, with a fraction within one.
        of: epochs in all.
        loss: mean over the rows of this epoch so far.
        accuracy: likewise, in training mode.
    """

    done: float
    of: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Task:
    """What a training is of.

    Attributes:
        rows: where the rows are taken from.
        kept: int64 [m, n], the numbers of the rows that each of the m models of a stack learns; m is 1 without one.
        seeds: m of them, for the order of each model's rows.
        settings: how.
        state: a file where the training is saved as it goes and taken up again, if it is the same one; None for
            short ones.
    """

    rows: Rows
    kept: npt.NDArray[np.int64]
    seeds: Sequence[int]
    settings: Settings
    state: State | None = None


def fit(
    model: torch.nn.Module,
    task: Task,
    device: torch.device,
    progress: Callable[[Epoch], None] = lambda epoch: None,
    stopped: Callable[[], bool] = lambda: False,
) -> float:
    """Train a model, or a stack of them, in place.

    Args:
        model: on the device.
        task: what to train on and how.
        device: where the model is.
        progress: told after every step.
        stopped: asked after every step whether to end early.

    Returns:
        The epochs done: all of them, or how many there were when it was stopped.

    Raises:
        UserError: the loss is no number any more.
    """
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(task.seeds[0])
        return _Training(model, task, device).run(progress, stopped)


class _Training:
    def __init__(self, model: torch.nn.Module, task: Task, device: torch.device) -> None:
        self.model, self.task, self.device = model, task, device
        settings = task.settings
        self.steps = math.ceil(task.kept.shape[1] / settings.batch)
        self.optimizer = _optimizer(model, settings)
        self.schedule = _schedule(self.optimizer, settings, self.steps)
        self.orders = [np.random.default_rng(seed) for seed in task.seeds]
        self.half = half_precision(device) if settings.mixed_precision else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.half is torch.float16)
        self.objective = OBJECTIVES[settings.defence]
        self.begun, self.saving = time.monotonic(), 0.0

    def run(self, progress: Callable[[Epoch], None], stopped: Callable[[], bool]) -> float:
        epochs = self.task.settings.epochs
        for epoch in range(self._resume(), epochs):
            seen, loss, right = 0, 0.0, 0.0
            for step, chosen in enumerate(self._batches(), 1):
                step_loss, step_right = self._step(chosen)
                seen, loss, right = seen + chosen.size, loss + step_loss * chosen.size, right + step_right
                if not math.isfinite(loss):
                    raise UserError(f"The training went astray: the loss is {step_loss} in epoch {epoch + 1}.")
                done: float = epoch + step / self.steps
                progress(Epoch(done, epochs, loss / seen, right / seen))
                if stopped() and done < epochs:
                    return done
            self._save(epoch + 1)
        return float(epochs)

    def _batches(self) -> Iterator[npt.NDArray[np.int64]]:
        """Give the numbers of the rows [m, b] of each step, in a new order for each model."""
        order = np.stack([g.permutation(kept) for g, kept in zip(self.orders, self.task.kept, strict=True)])
        for start in range(0, order.shape[1], self.task.settings.batch):
            yield order[:, start : start + self.task.settings.batch]

    def _step(self, chosen: npt.NDArray[np.int64]) -> tuple[float, float]:
        """Move the weights once; give the mean loss and the number of right answers."""
        stacked = isinstance(self.model, Stack)
        self.model.train()
        inputs, y = self.task.rows.batch(chosen if stacked else chosen[0], self.device)
        inputs = {name: self._augmented(value) for name, value in inputs.items()}
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            logits = logits_of(self.model, inputs).float()
        losses = torch.vmap(self.objective)(logits, y) if stacked else self.objective(logits, y)
        self.scaler.scale(losses.sum()).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return float(losses.detach().mean()), float((logits.argmax(dim=-1) == y).sum())

    def _augmented(self, value: torch.Tensor) -> torch.Tensor:
        if value.ndim != 4:
            return value
        images = augment(value, self.task.settings.augmentation)
        return images.contiguous(memory_format=torch.channels_last)  # faster convolutions

    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule, "scaler": self.scaler}

    def _resume(self) -> int:
        state = self.task.state
        return state.load(self._parts(), self.orders, self.device) if state else 0

    def _save(self, epochs: int) -> None:
        """Save the state after an epoch, unless that would slow down a small model that has just saved it."""
        start = time.monotonic()
        last = epochs == self.task.settings.epochs
        if self.task.state and (last or self.saving <= SAVING * (start - self.begun)):
            self.task.state.save(self._parts(), self.orders, self.device, epochs)
            self.saving += time.monotonic() - start


def _schedule(optimizer: torch.optim.Optimizer, settings: Settings, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule is Schedule.CONSTANT:
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)
    total = max(1, settings.epochs * steps)
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
