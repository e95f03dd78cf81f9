"""The targets by name: the network, the data set and the training of each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from dynanoise_export.types import TensorSpec
from dynanoise_models import text
from dynanoise_models.architectures.alexnet import alexnet, alexnet224
from dynanoise_models.architectures.mlp import mlp
from dynanoise_models.architectures.resnet import resnet
from dynanoise_models.datasets.cifar10 import load_cifar10
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.datasets.digits import load_digits
from dynanoise_models.datasets.imagenet10 import load_imagenet10
from dynanoise_models.datasets.sst2 import load_sst2
from dynanoise_models.datasets.tables import load_location30, load_purchase100, load_texas100
from dynanoise_models.training.settings import Augmentation, Optimizer, Schedule, Settings


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder that a text target starts from.

    Attributes:
        kind: as transformers calls it.
        base: the default: a folder, a name on the hub or a package.
    """

    kind: str
    base: str


@dataclass(frozen=True)
class Target:
    """A model that can be trained, defended and attacked.

    Attributes:
        data: the name of the data set, for people.
        load: reads the data set from a folder; from the folder that the environment names if it is None.
        make: makes the network; keyword arguments change it.
        inputs: of the network.
        classes: k.
        settings: of its training.
        expected: the accuracy on rows that it was not trained on, as measured in `benchmarks/README.md`, or
            "not measured".
        encoder: the pretrained encoder that a text target starts from; None for targets with random first weights.
        stacked: how many shadow models are trained as one stack.
    """

    data: str
    load: Callable[[Path | None], Dataset]
    make: Callable[..., nn.Module]
    inputs: tuple[TensorSpec, ...]
    classes: int
    settings: Settings
    expected: str
    encoder: Encoder | None = None
    stacked: int = 1


UNMEASURED = "not measured"


def _table(
    data: str,
    load: Callable[[Path | None], Dataset],
    shape: tuple[int, tuple[int, ...], int],
    settings: Settings,
    expected: str,
    stacked: int,
) -> Target:
    features, hidden, classes = shape
    make: Callable[..., Any] = partial(mlp, inputs=features, hidden=hidden, classes=classes)
    inputs = (TensorSpec("input", "float32", ("batch", features)),)
    return Target(data, load, make, inputs, classes, settings, expected, stacked=stacked)


def _images(name: str, side: int) -> tuple[TensorSpec, ...]:
    return (TensorSpec(name, "float32", ("batch", 3, side, side)),)


PAPER_MLP = (1024, 512, 256, 128)
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}  # of MiniLM-L6 (Wang et al. 2020)
TOKENS = tuple(TensorSpec(name, "int64", ("batch", "sequence")) for name in ("input_ids", "attention_mask"))

ALEXNET = Settings(
    epochs=12, batch=128, optimizer=Optimizer.SGD, learning_rate=0.03, momentum=0.9, weight_decay=5e-4,
    schedule=Schedule.ONE_CYCLE, augmentation=Augmentation.FLIP, mixed_precision=True,
)  # fmt: skip
# A quarter as many images: each is seen more often, and with more augmentation.
ALEXNET_FEW = replace(ALEXNET, epochs=40, augmentation=Augmentation.FLIP_AND_CROP)
RESNET = Settings(
    epochs=60, batch=128, optimizer=Optimizer.SGD, learning_rate=0.2, momentum=0.9, weight_decay=5e-4,
    schedule=Schedule.ONE_CYCLE, augmentation=Augmentation.FLIP_AND_CROP, mixed_precision=True,
)  # fmt: skip
MLP = Settings(epochs=30, batch=64, optimizer=Optimizer.ADAMW, learning_rate=1e-3)
TEXT = Settings(
    epochs=1, batch=32, optimizer=Optimizer.ADAMW, learning_rate=5e-5, weight_decay=0.01,
    schedule=Schedule.ONE_CYCLE, mixed_precision=True,
)  # fmt: skip

TARGETS: dict[str, Target] = {
    "digits-mlp": _table(
        "scikit-learn's digits", load_digits, (64, (128, 64), 10),
        Settings(epochs=60, batch=32, optimizer=Optimizer.ADAMW, learning_rate=3e-3), "0.974", stacked=16,
    ),
    "alexnet-cifar10": Target(
        "CIFAR-10", load_cifar10, alexnet, _images("input", 32), 10, ALEXNET, "0.736"
    ),
    "alexnet224-cifar10": Target(
        "CIFAR-10, scaled to 224 × 224", load_cifar10, alexnet224, _images("input", 32), 10, ALEXNET, UNMEASURED
    ),
    "resnet20-cifar10": Target(
        "CIFAR-10", load_cifar10, partial(resnet, depth=20), _images("x", 32), 10, RESNET, "0.917 (published weights)"
    ),
    "alexnet-imagenet10": Target(
        "ImageNet-10", load_imagenet10, partial(alexnet, side=64), _images("input", 64), 10, ALEXNET_FEW, "0.764"
    ),
    "mlp-location30": _table("Location30", load_location30, (446, PAPER_MLP, 30), MLP, "0.575", stacked=1),
    "mlp-purchase100": _table("Purchase100", load_purchase100, (600, PAPER_MLP, 100), MLP, UNMEASURED, stacked=1),
    "mlp-texas100": _table("Texas100", load_texas100, (6169, PAPER_MLP, 100), MLP, UNMEASURED, stacked=1),
    "distilbert-sst2": Target(
        "SST-2", load_sst2, partial(text.make_classifier, "distilbert"), TOKENS, 2, TEXT, UNMEASURED,
        encoder=Encoder("distilbert", "distilbert-base-uncased"),
    ),
    "minilm-sst2": Target(
        "SST-2", load_sst2, partial(text.make_classifier, "bert", config=MINILM), TOKENS, 2, TEXT,
        "0.875 (of 20,000 rows)", encoder=Encoder("bert", text.PACKAGE),
    ),
}  # fmt: skip
