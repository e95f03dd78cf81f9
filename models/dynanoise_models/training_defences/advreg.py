"""Adversarial regularisation (Nasr, Shokri and Houmansadr 2018): training against an attack that learns with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, logsigmoid, one_hot

from dynanoise_export.defences.base import require_between, require_whole
from dynanoise_models.architectures.mlp import mlp
from dynanoise_models.training.rows import predict
from dynanoise_models.training.step_loss import StepLoss, TrainingStep
from dynanoise_models.training_defences.plain_training import fit_with
from dynanoise_models.training_defences.reference_rows import ReferenceRows
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence

ATTACK_RATE = 1e-3  # of Adam, which trains the attack
DEVIATION = 0.01  # of the attack's first weights


@dataclass(frozen=True)
class AdvReg(TrainingDefence):
    """Adversarial regularisation.

    Attributes:
        lambda_: the weight of the attack's gain in the classifier's loss. The paper has 3 for Purchase100, and
            6 for CIFAR.
        steps: the attack's steps for each step of the classifier. They share the rows of the batch; each draws new
            reference rows.
    """

    lambda_: float = 3.0
    steps: float = 1

    name = "advreg"
    summary = "trains against an attack that learns with it; needs reference rows"

    def __post_init__(self) -> None:
        require_between("lambda", self.lambda_, 0, 1000)
        require_between("steps", self.steps, 1, 100)
        require_whole("steps", self.steps)

    def fit(self, training: Training) -> Fitted:
        """Train the classifier and the attack in turn; the reference rows stand for non-members.

        Raises:
            UsageError: there are no reference rows.
        """
        reference, model = ReferenceRows(training, self.name), training.model()
        classes = predict(model, training.task.rows, training.device, reference.indices[:1]).shape[-1]
        attack = make_attack(classes, training.task.seeds[0]).to(training.device)
        return fit_with(AdversarialLoss(self.lambda_, int(self.steps), reference, attack), training, model)


class AdversarialLoss(StepLoss):
    """The cross-entropy plus the weighted gain of an attack on the rows of the batch.

    Each step trains the attack first.

    Args:
        weight: of the gain, λ.
        steps: of the attack for each step.
        reference: the rows that stand for non-members.
        attack: maps probabilities [b, k] and labels [b] to the log-odds of membership [b].
    """

    def __init__(self, weight: float, steps: int, reference: ReferenceRows, attack: nn.Module) -> None:
        self._weight, self._steps, self._reference, self._attack = weight, steps, reference, attack
        self._optimizer = torch.optim.Adam(attack.parameters(), ATTACK_RATE)

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Train the attack; then compute the loss of the classifier, and its logits."""
        logits = step.forward(step.inputs)
        probabilities = logits.softmax(dim=-1)
        for _ in range(self._steps):
            self._learn(step, probabilities.detach())
        gain = logsigmoid(self._attack(probabilities, step.y)).mean() / 2
        return cross_entropy(logits, step.y) + self._weight * gain, logits

    def _learn(self, step: TrainingStep, probabilities: torch.Tensor) -> None:
        """Raise the attack's gain, the mean log-probability that it gives to the truth."""
        with torch.no_grad():
            logits, y = self._reference.answer(step, self._reference.draw(len(step.y)))
        members = logsigmoid(self._attack(probabilities, step.y))
        others = logsigmoid(-self._attack(logits.softmax(dim=-1), y))
        self._optimizer.zero_grad()
        (-(members.mean() + others.mean()) / 2).backward()
        self._optimizer.step()

    def parts(self) -> Mapping[str, Any]:
        """Give the attack and its optimizer."""
        return {"attack": self._attack, "attack_optimizer": self._optimizer}


class MembershipAttack(nn.Module):
    """The paper's attack network: a branch for the probabilities, a branch for the label, and layers that join them.

    Args:
        classes: k.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.probabilities = mlp(classes, (1024, 512), 64)
        self.label = mlp(classes, (512,), 64)
        self.joined = nn.Sequential(nn.ReLU(), mlp(128, (256, 64), 1))

    def forward(self, probabilities: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Map probabilities [b, k] and labels [b] to the log-odds of membership [b]."""
        labels = one_hot(y, probabilities.shape[-1]).to(probabilities.dtype)
        both = torch.cat([self.probabilities(probabilities), self.label(labels)], dim=-1)
        odds: torch.Tensor = self.joined(both)
        return odds.squeeze(-1)


def make_attack(classes: int, seed: int) -> MembershipAttack:
    """Make the attack network with first weights drawn as the paper draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        attack = MembershipAttack(classes)
        for layer in attack.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=DEVIATION)
                nn.init.zeros_(layer.bias)
    return attack
