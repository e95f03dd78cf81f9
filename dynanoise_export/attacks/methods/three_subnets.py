"""The attack network of Nasr et al.: one subnet for the answer, one for the label, one for both together."""

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.attacks.evidence import Evidence, Floats, Shadows
from dynanoise_export.attacks.methods.attack import Attack, Scores, shadows_of

# What fits into seconds on a processor: narrower layers than theirs, and not all rows of all shadow models.
WIDTH = 64
MOST_ROWS = 80_000
EPOCHS, BATCH, LEARNING_RATE = 12, 512, 3e-3
# Log-probabilities below this tell no more, and would rule the scale.
SMALLEST = -30.0


class ThreeSubnets(torch.nn.Module):
    """The network: log-probabilities [n, k] and one-hot labels [n, k] to a logit [n] of membership."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layer, relu = torch.nn.Linear, torch.nn.ReLU
        self.answer = torch.nn.Sequential(layer(classes, 2 * WIDTH), relu(), layer(2 * WIDTH, WIDTH), relu())
        self.label = torch.nn.Sequential(layer(classes, WIDTH), relu())
        self.both = torch.nn.Sequential(layer(2 * WIDTH, WIDTH), relu(), layer(WIDTH, 1))

    def forward(self, log_p: torch.Tensor, one_hot: torch.Tensor) -> torch.Tensor:
        """Give the logit of membership."""
        together: torch.Tensor = self.both(torch.cat([self.answer(log_p), self.label(one_hot)], dim=1))
        return together[:, 0]


def _score(evidence: Evidence) -> Scores:
    shadows = shadows_of(evidence)
    answers, y, kept = _training_rows(shadows, evidence.y)
    centre, scale = answers.mean(), answers.std() + 1e-6
    classes = evidence.log_p.shape[1]
    # The seed is set for this attack alone, and whoever calls finds the generator as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ThreeSubnets(classes)
        _train(network, (answers - centre) / scale, _one_hot(y, classes), kept)
    with torch.no_grad():
        own = (_clipped(evidence.log_p) - centre) / scale
        return np.asarray(network(own, _one_hot(evidence.y, classes)).numpy(), dtype=np.float64)


def _training_rows(
    shadows: Shadows, y: npt.NDArray[np.int64]
) -> tuple[torch.Tensor, npt.NDArray[np.int64], torch.Tensor]:
    generator, models = np.random.default_rng(0), range(len(shadows))
    drawn = [generator.permutation(len(y))[: MOST_ROWS // len(models)] for _ in models]
    answers = torch.cat([_clipped(shadows.log_p(model)[rows]) for model, rows in zip(models, drawn, strict=True)])
    labels = np.concatenate([y[rows] for rows in drawn])
    kept = np.concatenate([shadows.kept[model][rows] for model, rows in zip(models, drawn, strict=True)])
    return answers, labels, torch.from_numpy(kept).float()


def _train(network: ThreeSubnets, answers: torch.Tensor, one_hot: torch.Tensor, kept: torch.Tensor) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(kept)).split(BATCH):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(answers[rows], one_hot[rows]), kept[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _one_hot(y: npt.NDArray[np.int64], classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(y), classes).float()


def _clipped(log_p: Floats) -> torch.Tensor:
    return torch.from_numpy(np.maximum(log_p, SMALLEST).astype(np.float32))


THREE_SUBNETS = Attack("three subnets", "Nasr et al. 2018; Kassa et al. 2025", _score, shadows=4, cut=0.0)
