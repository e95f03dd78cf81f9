"""Small trainings for the tests of the defences at training time."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from dynanoise_models.training.loop import Task, never
from dynanoise_models.training.settings import Augmentation, Optimizer, Schedule, Settings
from dynanoise_models.training.step_loss import TrainingStep
from dynanoise_models.training_defences.training_defence import Training
from support.training import CPU, images, table

PLAIN = Settings(epochs=1, batch=100, optimizer=Optimizer.SGD, learning_rate=0.5)
# Everything that has a state: momentum, a schedule, dropout and augmentation.
FULL = Settings(
    epochs=6, batch=8, optimizer=Optimizer.SGD, learning_rate=0.05, momentum=0.9, schedule=Schedule.ONE_CYCLE,
    augmentation=Augmentation.FLIP_AND_CROP,
)  # fmt: skip


def linear(seed):
    torch.manual_seed(seed)
    return nn.Linear(4, 3)


def convolutional(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 16), nn.ReLU(), nn.Linear(16, 3)
    )


def training_on(rows, make, settings, *, state=None, stopped=never, reference=None):
    """Describe a training on the first 80% of the rows, with the others as its reference."""
    own = len(rows) * 4 // 5
    if reference is None:
        reference = np.arange(own, len(rows))
    return Training(make, Task(rows, np.arange(own)[None], [7], settings, state), CPU, reference[None], stopped)


def training_on_table(**changes):
    return training_on(table(), linear, replace(PLAIN, **changes))


def training_on_images(state=None, stopped=never, **changes):
    return training_on(images(), convolutional, replace(FULL, **changes), state=state, stopped=stopped)


def loss_and_slopes(loss, logits, y, epoch=0):
    """Compute the loss of logits that a model gives, and its slopes on them, in float64."""
    z = torch.tensor(logits, requires_grad=True)
    step = TrainingStep(lambda inputs: z, {"x": torch.zeros(len(y))}, torch.from_numpy(y), np.arange(y.size), epoch)
    value, seen = loss(step)
    value.sum().backward()
    assert seen is z
    return value.detach().numpy(), z.grad.numpy()


def some_logits(*shape):
    """Draw logits [..., 5, 4] and labels, some of them wrong."""
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((*shape, 5, 4))
    return logits, generator.integers(0, 4, (*shape, 5))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
