"""The targets by name: which network, and what it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from dynanoise_models.architectures.alexnet import alexnet
from dynanoise_models.architectures.mlp import mlp
from dynanoise_models.architectures.resnet import resnet


@dataclass(frozen=True)
class TargetRecord:
    """A model that can be trained and defended.

    Attributes:
        make: makes the network; keyword arguments change it.
        input_name: as the network's `forward` calls it.
        input_shape: of one row, float32.
        classes: k.
    """

    make: Callable[..., nn.Module]
    input_name: str
    input_shape: tuple[int, ...]
    classes: int


def _table(features: int, hidden: tuple[int, ...], classes: int) -> TargetRecord:
    make: Callable[..., Any] = partial(mlp, inputs=features, hidden=hidden, classes=classes)
    return TargetRecord(make, "input", (features,), classes)


TARGETS: dict[str, TargetRecord] = {
    "digits-mlp": _table(64, (128, 64), 10),
    "alexnet-cifar10": TargetRecord(alexnet, "input", (3, 32, 32), 10),
    "resnet20-cifar10": TargetRecord(partial(resnet, depth=20), "x", (3, 32, 32), 10),
    "mlp-location30": _table(446, (1024, 512, 256, 128), 30),
    "mlp-purchase100": _table(600, (1024, 512, 256, 128), 100),
}
