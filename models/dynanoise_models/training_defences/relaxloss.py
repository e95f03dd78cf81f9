"""RelaxLoss (Chen, Yu and Fritz 2022): training to a mean loss above zero, where members look like other rows."""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from dynanoise_export.defences.base import require_between
from dynanoise_models.training.step_loss import StepLoss, TrainingStep
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class RelaxLoss(TrainingDefence):
    """RelaxLoss.

    A batch whose mean loss is above `alpha` is learnt as usual. Below it, the loss is raised in the first, the third, …
    epoch, and in the others the probabilities of the wrong classes are made equal, for all rows of the batch. (The
    authors' code does so for rows with a wrong answer, and unlearns the others.)

    Attributes:
        alpha: the mean loss to train to, in nats. The paper has 1 for CIFAR-10 with ResNet-20, 0.8 for Purchase and 2.5
            for Texas.
    """

    alpha: float = 1.0

    name = "relaxloss"
    summary = "keeps the mean loss at alpha"
    stackable = True

    def __post_init__(self) -> None:
        require_between("alpha", self.alpha, 0, 100)

    def fit(self, training: Training) -> Fitted:
        """Train with the relaxed loss."""
        return fit_with(RelaxedLoss(self.alpha), training)


class RelaxedLoss(StepLoss):
    """The loss of RelaxLoss.

    Args:
        alpha: the mean cross-entropy to train to.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the loss of each model, and the logits."""
        logits = step.forward(step.inputs)
        plain = cross_entropy(logits.movedim(-1, 1), step.y, reduction="none").mean(dim=-1)
        # Twice alpha minus the loss has the slope of gradient ascent.
        relaxed = 2 * self._alpha - plain if step.epoch % 2 == 0 else flattening(logits, step.y)
        return torch.where(plain > self._alpha, plain, relaxed), logits


def flattening(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Compute the mean cross-entropy to soft labels, which keep the label's own probability and share out the rest.

    Args:
        logits: [..., b, k].
        y: int64 [..., b].
    """
    log_probabilities = logits.log_softmax(dim=-1)
    own = log_probabilities.detach().exp().gather(-1, y[..., None])
    others = ((1 - own) / (logits.shape[-1] - 1)).expand(logits.shape)
    return -(others.scatter(-1, y[..., None], own) * log_probabilities).sum(dim=-1).mean(dim=-1)
