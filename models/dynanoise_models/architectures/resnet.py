"""The residual networks for CIFAR-10 of He et al. 2015, section 4.2."""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions with a shortcut that has no parameters (option A)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride = stride
        self.added_channels = after - before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [n, before, h, w] to [n, after, h / stride, w / stride]."""
        residual = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        side = self.added_channels // 2
        return functional.relu(residual + functional.pad(shortcut, (0, 0, 0, 0, side, side)))


class ResNet(nn.Module):
    """Three stages of 16, 32 and 64 channels on images [n, 3, 32, 32]; gives logits [n, classes]."""

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, blocks, stride=1)
        self.layer2 = self._stage(16, 32, blocks, stride=2)
        self.layer3 = self._stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _stage(before: int, after: int, blocks: int, stride: int) -> nn.Sequential:
        return nn.Sequential(Block(before, after, stride), *(Block(after, after, 1) for _ in range(blocks - 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images to logits."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: torch.Tensor = self.linear(x.mean(dim=(2, 3)))
        return logits


def resnet(depth: int = 20, classes: int = 10) -> ResNet:
    """Make the network of 6n + 2 layers: 20, 32, 44, 56 or 110 in the paper.

    Raises:
        ValueError: the depth is not of this form.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"a CIFAR ResNet has 6n + 2 layers (20, 32, 44, 56, 110), not {depth}")
    return ResNet((depth - 2) // 6, classes)
