"""Small classifiers for the tests, one for each thing that a user's model can do."""

from typing import NamedTuple

import torch
from torch import nn


class Small(nn.Module):
    """Images [n, 3, 8, 8] to logits, with weights, statistics and dropout."""

    def __init__(self, classes: int = 5, width: int = 4) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, width, 3)
        self.normalised = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout()
        self.linear = nn.Linear(width * 36, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.normalised(self.convolution(image)))
        return self.linear(self.dropout(hidden.flatten(1)))


class Branching(nn.Module):
    """Rows [n, 6] to logits: the mean of the batch decides which layer is used, which a trace can't hold."""

    def __init__(self) -> None:
        super().__init__()
        self.if_positive = nn.Linear(6, 4)
        self.if_not = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.if_positive(x) if bool(x.mean() > 0) else self.if_not(x)
        for _ in range(2):
            logits = logits + 0.5 * torch.tanh(logits)
        return logits


class Answer(NamedTuple):
    hidden: torch.Tensor
    logits: torch.Tensor


class Body(nn.Module):
    """Two tables of rows [n, 6] to hidden states [n, 8] and logits [n, 4]; its subclasses return them in containers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 8)
        self.head = nn.Linear(8, 4)

    def both(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.relu(self.body(x) - self.body(y))
        return hidden, self.head(hidden)


class InTuple(Body):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.both(x, y)


class InList(Body):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        hidden, logits = self.both(x, y)
        return [hidden, logits]


class InDictionary(Body):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden, logits = self.both(x, y)
        return {"hidden": hidden, "logits": logits}


class InNamedTuple(Body):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Answer:
        hidden, logits = self.both(x, y)
        return Answer(hidden, logits)


class WithOptions(Body):
    """Has arguments with defaults beyond its inputs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor, scale: float = 0.5, mask: torch.Tensor | None = None):
        logits = self.both(x, y)[1] * scale
        if mask is not None:
            logits = logits * mask
        return logits


class FixedBatch(nn.Module):
    """Only works with a batch of four."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.reshape(4, 6))


class OnADevice(nn.Module):
    """Makes a tensor on the device of its input, which a trace remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + torch.arange(4, device=x.device)


class PerRow(nn.Module):
    """Loops over its rows in Python, which an exporter can only unroll."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.linear(row) for row in x])


def seeded(make, *arguments, **keywords) -> nn.Module:
    """Make a module with the same weights every time, in evaluation mode."""
    torch.manual_seed(0)
    module = make(*arguments, **keywords)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            nn.init.uniform_(child.running_mean)
            nn.init.uniform_(child.running_var, 0.5, 2)
    return module.eval()
