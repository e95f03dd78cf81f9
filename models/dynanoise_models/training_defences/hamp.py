"""HAMP (Chen and Pattabiraman 2024), its training: labels of high entropy, so that no row is learnt with certainty.

The other half of HAMP changes the answers of the trained model: the defence at inference time `hamp-output`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import entr

from dynanoise_export.defences.base import require_between
from dynanoise_models.training.step_loss import StepLoss, TrainingStep
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class Hamp(TrainingDefence):
    """HAMP's training.

    Attributes:
        gamma: the entropy of the soft labels, as a share of log k, the largest that is possible. The authors' code has
            0.95 for CIFAR-10 and 0.5 for Location30.
        alpha: the weight of the entropy of the answers, which is rewarded.
    """

    gamma: float = 0.95
    alpha: float = 0.001

    name = "hamp"
    summary = "soft labels of high entropy, and a reward for the entropy of answers"
    stackable = True

    def __post_init__(self) -> None:
        require_between("gamma", self.gamma, 0, 0.999)
        require_between("alpha", self.alpha, 0, 100)

    def fit(self, training: Training) -> Fitted:
        """Train to soft labels of high entropy."""
        return fit_with(HighEntropyLoss(self.gamma, self.alpha), training)


class HighEntropyLoss(StepLoss):
    """The divergence from the soft labels to the answers, minus the weighted entropy of the answers.

    Args:
        gamma: the entropy of the soft labels as a share of log k.
        alpha: the weight of the entropy.
    """

    def __init__(self, gamma: float, alpha: float) -> None:
        self._gamma, self._alpha = gamma, alpha

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the loss of each model, and the logits."""
        logits = step.forward(step.inputs)
        classes = logits.shape[-1]
        own = label_probability(classes, self._gamma)
        others = (1 - own) / (classes - 1)
        labels = torch.full_like(logits, others).scatter(-1, step.y[..., None], own)
        log_probabilities = logits.log_softmax(dim=-1)
        divergence = (torch.xlogy(labels, labels) - labels * log_probabilities).sum(dim=-1)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=-1)
        return (divergence - self._alpha * entropy).mean(dim=-1), logits


@cache
def label_probability(classes: int, gamma: float) -> float:
    """Find the probability of the label in a soft label whose entropy is gamma · log k.

    The other classes share the rest.

    Args:
        classes: k, at least 2.
        gamma: from 0, a certain label, to below 1.
    """

    def surplus(own: float) -> float:
        others = (1 - own) / (classes - 1)
        return float(entr(own) + (classes - 1) * entr(others) - gamma * np.log(classes))

    return float(brentq(surplus, 1 / classes, 1))
