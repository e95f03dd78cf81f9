"""Mixup and MMD (Li, Li and Ribeiro 2021): training on blends of rows, with answers distributed as on other rows."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from dynanoise_export.defences.base import require_between
from dynanoise_export.errors import UsageError
from dynanoise_models.training.step_loss import StepLoss, TrainingStep
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.reference_rows import ReferenceRows
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class MixupMMD(TrainingDefence):
    """Mixup (Zhang et al. 2018) with the maximum mean discrepancy to reference rows.

    Attributes:
        alpha: both parameters of the beta distribution of the blends.
        mu: the weight of the discrepancy. With 10, the target of Location30 still knew all of its rows by heart.
    """

    alpha: float = 1.0
    mu: float = 100.0

    name = "mixup-mmd"
    summary = "blends rows, and matches the answers on reference rows; needs them"

    def __post_init__(self) -> None:
        require_between("alpha", self.alpha, 0, 100, open_low=True)
        require_between("mu", self.mu, 0, 1000)

    def fit(self, training: Training) -> Fitted:
        """Train on blends of rows, and towards the answers on the reference rows.

        Raises:
            UsageError: the inputs are integers, or there are no reference rows.
        """
        inputs = training.task.rows.inputs
        whole = [name for name, array in inputs.items() if not np.issubdtype(array.dtype, np.floating)]
        if whole:
            raise UsageError(
                f"--defence {self.name} blends rows, and the input {whole[0]} holds {inputs[whole[0]].dtype}, such as "
                "tokens, which can't be blended: choose another defence."
            )
        return fit_with(MixedLoss(self.alpha, self.mu, ReferenceRows(training, self.name)), training)


class MixedLoss(StepLoss):
    """The cross-entropy on blends of rows, plus the weighted discrepancy between the batch and reference rows.

    Args:
        alpha: both parameters of the beta distribution of the blends.
        weight: of the discrepancy.
        reference: the rows to compare with.
    """

    def __init__(self, alpha: float, weight: float, reference: ReferenceRows) -> None:
        self._beta = torch.distributions.Beta(torch.tensor(alpha), torch.tensor(alpha))
        self._weight, self._reference = weight, reference

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the loss, and the logits of the rows themselves."""
        share, order = float(self._beta.sample()), torch.randperm(len(step.y)).to(step.y.device)
        blends = {name: share * value + (1 - share) * value[order] for name, value in step.inputs.items()}
        mixed, logits = step.forward(blends), step.forward(step.inputs)
        blended = share * cross_entropy(mixed, step.y) + (1 - share) * cross_entropy(mixed, step.y[order])
        return blended + self._weight * self._discrepancy(step, logits), logits

    def _discrepancy(self, step: TrainingStep, logits: torch.Tensor) -> torch.Tensor:
        indices, known = self._reference.draw_like(step.y)
        if not len(indices):
            return logits.new_zeros(())
        reference, y = self._reference.answer(step, indices)
        return class_discrepancy(logits[known].softmax(dim=-1), reference.softmax(dim=-1), y)


def class_discrepancy(p: torch.Tensor, q: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Compute the squared maximum mean discrepancy within each class, and its mean over the rows.

    The kernel is exp(-|a - b|²/2). The estimate counts each row with itself too, so it is never below zero.

    Args:
        p: probabilities [b, k].
        q: others [b, k].
        y: int64 [b], the classes of the rows of both.
    """
    same = (y[:, None] == y).to(p.dtype)
    weights = same / same.sum(dim=1, keepdim=True) / len(y)
    return (weights * (_kernel(p, p) + _kernel(q, q) - _kernel(p, q) - _kernel(q, p))).sum()


def _kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.exp(-(a[:, None] - b).square().sum(dim=-1) / 2)
