"""The steps of DP-SGD: rows drawn independently, gradients clipped row by row, and noise on their sum."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

from dynanoise_export.types import Int64s
from dynanoise_models.training.augmentation import augmented
from dynanoise_models.training.loop import Task, TrainingLoop
from dynanoise_models.training.rows import logits_of
from dynanoise_models.training.step_loss import CrossEntropy

ROWS_AT_ONCE = 128  # the rows of a step that are in memory together


class PrivateLoop(TrainingLoop):
    """A training by DP-SGD of one model in float32.

    Ghost clipping (Li et al. 2022) finds the norm of each row's gradient without the gradient itself, which would need
    as much memory as the network for every row.

    Args:
        model: on the device.
        task: what to train on, and how.
        device: where the model is.
        noise_multiplier: the standard deviation of the noise on the sum of the gradients, divided by `max_grad_norm`.
        max_grad_norm: the largest norm of a row's gradient; longer ones are shortened.
    """

    def __init__(
        self, model: torch.nn.Module, task: Task, device: torch.device, noise_multiplier: float, max_grad_norm: float
    ) -> None:
        super().__init__(model, task, device, CrossEntropy())
        self.sample_rate = 1 / self.steps
        self.private_model = GradSampleModuleFastGradientClipping(model, max_grad_norm=max_grad_norm, strict=False)
        self.private_optimizer = DPOptimizerFastGradientClipping(
            self.optimizer, noise_multiplier=noise_multiplier, max_grad_norm=max_grad_norm,
            expected_batch_size=task.indices.shape[1] * self.sample_rate,
        )  # fmt: skip
        self.private_loss = DPLossFastGradientClipping(
            self.private_model, self.private_optimizer, torch.nn.CrossEntropyLoss()
        )

    def batches(self) -> Iterator[Int64s]:
        """Yield the indices of the rows [1, b] of each step; each row is in it with the same probability, on its own.

        b is random, and may be 0.
        """
        for _ in range(self.steps):
            drawn = self.orders[0].random(self.task.indices.shape[1]) < self.sample_rate
            yield self.task.indices[:, drawn]

    def step(self, indices: Int64s, epoch: int) -> tuple[float, float]:
        """Change the weights once; give the mean loss and the number of correct answers."""
        self.model.train()
        parts = np.array_split(indices[0], max(1, math.ceil(indices.size / ROWS_AT_ONCE)))
        loss, correct = 0.0, 0.0
        for number, part in enumerate(parts, 1):
            self.private_optimizer.signal_skip_step(do_skip=number < len(parts))
            self.private_optimizer.zero_grad()
            inputs, y = self.task.rows.batch(part, self.device)
            logits = logits_of(self.private_model, augmented(inputs, self.task.settings.augmentation))
            losses = self.private_loss(logits, y)
            losses.backward()
            self.private_optimizer.step()
            loss += float(losses.loss_per_sample.detach().sum())
            correct += float((logits.argmax(dim=-1) == y).sum())
        self.schedule.step()
        return loss / max(indices.size, 1), correct

    def trained(self) -> torch.nn.Module:
        """Give the network without what DP-SGD attached to it."""
        network: torch.nn.Module = self.private_model.to_standard_module()
        return network
