"""Fully connected networks, for tables."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def mlp(inputs: int, hidden: Sequence[int], classes: int) -> nn.Sequential:
    """Make a network of fully connected layers with ReLU between them.

    The optimal-noise paper (Kassa et al.) attacks one with `hidden` = 1024, 512, 256, 128.

    Args:
        inputs: the number of features; the network takes float32 [n, inputs].
        hidden: the width of each hidden layer.
        classes: k; the network gives logits [n, k].
    """
    widths = [inputs, *hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))
