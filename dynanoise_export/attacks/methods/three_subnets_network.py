"""The network of the attack `three-subnets`, and its training, in PyTorch."""

import numpy as np
import torch

from dynanoise_export.attacks.evidence import Evidence, ShadowEvidence
from dynanoise_export.attacks.methods.attack import shadows_of
from dynanoise_export.types import Float64s, Floats, Int64s

# To train in seconds on a CPU: narrower layers than theirs, and not all rows of all shadow models.
WIDTH = 64
MOST_ROWS = 80_000
EPOCHS, BATCH, LEARNING_RATE = 12, 512, 3e-3
# Log-probabilities below this say nothing more, and would dominate the scale.
SMALLEST = -30.0


class ThreeSubnets(torch.nn.Module):
    """The network: log-probabilities [n, k] and one-hot labels [n, k] to logits [n] of membership."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layer, relu = torch.nn.Linear, torch.nn.ReLU
        self.answer = torch.nn.Sequential(layer(classes, 2 * WIDTH), relu(), layer(2 * WIDTH, WIDTH), relu())
        self.label = torch.nn.Sequential(layer(classes, WIDTH), relu())
        self.both = torch.nn.Sequential(layer(2 * WIDTH, WIDTH), relu(), layer(WIDTH, 1))

    def forward(self, log_p: torch.Tensor, one_hot: torch.Tensor) -> torch.Tensor:
        """Compute the logits of membership."""
        together: torch.Tensor = self.both(torch.cat([self.answer(log_p), self.label(one_hot)], dim=1))
        return together[:, 0]


def fit_and_score(evidence: Evidence) -> Float64s:
    """Train the network on the shadow models' answers, and give the logits [n] of membership of the target's."""
    shadows = shadows_of(evidence)
    answers, y, trained_on = _training_rows(shadows, evidence.y)
    centre, scale = answers.mean(), answers.std() + 1e-6
    classes = evidence.log_p.shape[1]
    # The seed holds for this attack alone; the caller's generator stays as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ThreeSubnets(classes)
        _train(network, (answers - centre) / scale, _one_hot(y, classes), trained_on)
    with torch.no_grad():
        own = (_clipped(evidence.log_p) - centre) / scale
        return np.asarray(network(own, _one_hot(evidence.y, classes)).numpy(), dtype=np.float64)


def _training_rows(shadows: ShadowEvidence, y: Int64s) -> tuple[torch.Tensor, Int64s, torch.Tensor]:
    generator, models = np.random.default_rng(0), range(len(shadows))
    sampled = [generator.permutation(len(y))[: MOST_ROWS // len(models)] for _ in models]
    answers = torch.cat([_clipped(shadows.log_p(model)[rows]) for model, rows in zip(models, sampled, strict=True)])
    labels = np.concatenate([y[rows] for rows in sampled])
    trained_on = np.concatenate([shadows.trained_on[model][rows] for model, rows in zip(models, sampled, strict=True)])
    return answers, labels, torch.from_numpy(trained_on).float()


def _train(network: ThreeSubnets, answers: torch.Tensor, one_hot: torch.Tensor, trained_on: torch.Tensor) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(trained_on)).split(BATCH):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(answers[rows], one_hot[rows]), trained_on[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _one_hot(y: Int64s, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(y), classes).float()


def _clipped(log_p: Floats) -> torch.Tensor:
    return torch.from_numpy(np.maximum(log_p, SMALLEST).astype(np.float32))
