"""The target on scikit-learn's embedded digits: real data, no download, trained in seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from dynanoise_models.targets import TARGETS

NAME = "digits-mlp"
MEMBERS = 400
EPOCHS = 60


@dataclass(frozen=True)
class Audit:
    """Members and equally many non-members, in the form of a bundle.

    Attributes:
        x: float32 [n, 64], pixels in [0, 1].
        y: int64 [n], the digit.
        member: bool [n], whether the row is trained on.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    member: npt.NDArray[np.bool_]

    def accuracy(self, probabilities: npt.NDArray[np.floating], *, member: bool) -> float:
        """Tell the share of right answers [n, k] on members or on non-members."""
        rows = self.member == member
        return float((probabilities[rows].argmax(axis=1) == self.y[rows]).mean())


def load_audit(seed: int = 0) -> Audit:
    """Take 400 members and 400 non-members of the 1,797 digits; the rest is left for an attacker's shadow models."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(len(y))[: 2 * MEMBERS]
    return Audit((x[rows] / 16).astype(np.float32), y[rows].astype(np.int64), np.arange(2 * MEMBERS) < MEMBERS)


def train(
    audit: Audit,
    seed: int = 0,
    epochs: int = EPOCHS,
    arguments: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> torch.nn.Module:
    """Train the target on the members until it knows them by heart.

    Args:
        audit: whose members are trained on.
        seed: of the weights and of the batches' order.
        epochs: how often each member is seen.
        arguments: what the network is made with beyond the target's own settings.
        progress: told of the epochs done, and of how many there are.
    """
    x, y = torch.from_numpy(audit.x[audit.member]), torch.from_numpy(audit.y[audit.member])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = TARGETS[NAME].make(**arguments or {})
        optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
        for epoch in range(epochs):
            for batch in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                loss = functional.cross_entropy(module(x[batch]), y[batch])
                loss.backward()
                optimizer.step()
            progress(epoch + 1, epochs)
    return module.eval()
