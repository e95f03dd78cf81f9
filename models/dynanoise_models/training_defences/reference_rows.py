"""Batches of rows that nobody trains on, for the defences that compare the answers on them with those on members."""

import numpy as np
import torch

from dynanoise_export.types import Int64s
from dynanoise_models.training.augmentation import augmented
from dynanoise_models.training.step_loss import TrainingStep
from dynanoise_models.training_defences.training_defence import Training


class ReferenceRows:
    """Draws reference rows with replacement, from PyTorch's own generator, and answers them.

    Attributes:
        indices: int64 [r], of all of them.

    Args:
        training: of a single model.
        name: of the defence, for messages.

    Raises:
        UsageError: there are no reference rows.
    """

    def __init__(self, training: Training, name: str) -> None:
        self.indices = training.require_reference(name)
        self._rows, self._device = training.task.rows, training.device
        self._augmentation = training.task.settings.augmentation
        labels = self._rows.y[self.indices]
        self._by_class = {int(label): self.indices[labels == label] for label in np.unique(labels)}

    def draw(self, count: int) -> Int64s:
        """Draw the indices of so many rows."""
        return _drawn(self.indices, count)

    def draw_like(self, y: torch.Tensor) -> tuple[Int64s, torch.Tensor]:
        """Draw the index of a row of the same class for each label [b] that has one.

        Returns:
            The indices [c], and bool [b], the labels that have one.
        """
        labels = y.tolist()
        known = torch.tensor([label in self._by_class for label in labels], device=y.device)
        drawn = [_drawn(self._by_class[label], 1) for label in labels if label in self._by_class]
        return np.concatenate([np.zeros(0, np.int64), *drawn]), known

    def answer(self, step: TrainingStep, indices: Int64s) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the logits [r, k] of the rows at the indices as in a step of the training, and give their labels."""
        inputs, y = self._rows.batch(indices, self._device)
        return step.forward(augmented(inputs, self._augmentation)), y


def _drawn(indices: Int64s, count: int) -> Int64s:
    return np.asarray(indices[torch.randint(len(indices), (count,)).numpy()])
