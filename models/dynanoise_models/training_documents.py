"""The JSON documents of `dynanoise-models`."""

from typing import Any, TypedDict

import numpy as np

from dynanoise_export import __version__
from dynanoise_export.shadow_stores import SCHEMA as STORE_SCHEMA
from dynanoise_models.checkpoint_source import FORMAT
from dynanoise_models.shadows.make_shadows import Shadows
from dynanoise_models.targets import TARGETS, Target
from dynanoise_models.train_target import Trained

VERSION = 2


class TargetDocument(TypedDict):
    """A target.

    Attributes:
        name: for `train` and `shadows`.
        data: the name of its data set.
        inputs: NAME:SHAPE:DTYPE of each.
        classes: k.
        parameters: how many weights the network has.
        settings: of its training.
        expected_accuracy: on rows that it was not trained on.
    """

    name: str
    data: str
    inputs: list[str]
    classes: int
    parameters: int
    settings: dict[str, Any]
    expected_accuracy: str


class ListDocument(TypedDict):
    """All targets."""

    schema: str
    targets: list[TargetDocument]


class CheckpointDocument(TypedDict):
    """A checkpoint, and the schema of its content."""

    path: str
    format: str


class TrainDocument(TypedDict):
    """What `train` made.

    Attributes:
        schema: "dynanoise-models/train/VERSION".
        tool: the version of this tool.
        passed: whether all epochs are done.
        target: its name.
        checkpoint: its file.
        bundle: the path of the bundle.
        rows: how many each part has.
        settings: of the training.
        epochs: how many are done.
        accuracy: on each part, as far as it has rows.
        seconds: that the training took, since it was last resumed.
        device: where it was trained.
    """

    schema: str
    tool: dict[str, str]
    passed: bool
    target: str
    checkpoint: CheckpointDocument
    bundle: str
    rows: dict[str, int]
    settings: dict[str, Any]
    epochs: float
    accuracy: dict[str, float]
    seconds: float
    device: str


class StoreDocument(TypedDict):
    """A shadow store, and the schema of its record."""

    path: str
    schema: str


class ShadowsDocument(TypedDict):
    """What `shadows` made.

    Attributes:
        schema: "dynanoise-models/shadows/VERSION".
        tool: the version of this tool.
        passed: true, because the command ends with an error if a model can't be trained.
        store: the shadow store.
        bundle: the path of the rows.
        trained: how many models this run added.
        record: what the store says about itself.
    """

    schema: str
    tool: dict[str, str]
    passed: bool
    store: StoreDocument
    bundle: str
    trained: int
    record: dict[str, Any]


def list_document() -> ListDocument:
    """Describe all targets."""
    targets: list[TargetDocument] = [
        {
            "name": name,
            "data": target.data,
            "inputs": list(map(str, target.inputs)),
            "classes": target.classes,
            "parameters": parameter_count(target),
            "settings": target.settings.as_dict(),
            "expected_accuracy": target.expected,
        }
        for name, target in TARGETS.items()
    ]
    return {"schema": _schema("list"), "targets": targets}


def train_document(trained: Trained) -> TrainDocument:
    """Describe what `train` made."""
    return {
        "schema": _schema("train"),
        "tool": _tool(),
        "passed": trained.complete,
        "target": trained.target,
        "checkpoint": {"path": str(trained.checkpoint), "format": FORMAT},
        "bundle": str(trained.bundle),
        "rows": trained.counts,
        "settings": trained.settings.as_dict(),
        "epochs": trained.epochs,
        "accuracy": trained.accuracy,
        "seconds": trained.seconds,
        "device": trained.device,
    }


def shadows_document(shadows: Shadows) -> ShadowsDocument:
    """Describe what `shadows` made."""
    return {
        "schema": _schema("shadows"),
        "tool": _tool(),
        "passed": True,
        "store": {"path": str(shadows.path), "schema": STORE_SCHEMA},
        "bundle": str(shadows.bundle),
        "trained": shadows.trained,
        "record": shadows.record,
    }


def mean_accuracies(shadows: Shadows) -> tuple[float, float]:
    """Average the accuracy of the models on the rows of their training sets, and on the other rows."""
    models = shadows.record["models"].values()
    own, others = (np.mean([model[name] for model in models]) for name in ("accuracy_kept", "accuracy_others"))
    return float(own), float(others)


def parameter_count(target: Target) -> int:
    """Count the weights of a target's network, without allocating them."""
    import torch

    with torch.device("meta"):
        return sum(weight.numel() for weight in target.make().parameters())


def _schema(command: str) -> str:
    return f"dynanoise-models/{command}/{VERSION}"


def _tool() -> dict[str, str]:
    return {"dynanoise-export": __version__}
