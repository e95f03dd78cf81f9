"""The JSON documents of the commands `list` and `train`."""

from typing import Any, TypedDict

from dynanoise_export import __version__
from dynanoise_models.checkpoint_source import FORMAT
from dynanoise_models.targets import TARGETS, Target
from dynanoise_models.train_target import Trained
from dynanoise_models.training_defences.described_defences import describe_defences

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


class TrainingDefenceDocument(TypedDict):
    """A defence at training time.

    Attributes:
        name: for `--defence`.
        summary: what it does, in one line.
        parameters: the default of each, by the name that `--parameter` takes.
    """

    name: str
    summary: str
    parameters: dict[str, float]


class ListDocument(TypedDict):
    """All targets, and all defences at training time."""

    schema: str
    targets: list[TargetDocument]
    defences: list[TrainingDefenceDocument]


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
        canaries: how many of them have a wrong label.
        settings: of the training.
        epochs: how many are done.
        accuracy: on each part, as far as it has rows.
        facts: what the defence found out, such as the ε of DP-SGD.
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
    canaries: int
    settings: dict[str, Any]
    epochs: float
    accuracy: dict[str, float]
    facts: dict[str, float]
    seconds: float
    device: str


def list_document() -> ListDocument:
    """Describe all targets, and all defences at training time."""
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
    defences: list[TrainingDefenceDocument] = [
        {"name": defence.name, "summary": defence.summary, "parameters": dict(defence.parameters)}
        for defence in describe_defences()
    ]
    return {"schema": _schema("list"), "targets": targets, "defences": defences}


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
        "canaries": trained.canaries,
        "settings": trained.settings.as_dict(),
        "epochs": trained.epochs,
        "accuracy": trained.accuracy,
        "facts": dict(trained.facts),
        "seconds": trained.seconds,
        "device": trained.device,
    }


def parameter_count(target: Target) -> int:
    """Count the weights of a target's network, without allocating them."""
    import torch

    with torch.device("meta"):
        return sum(weight.numel() for weight in target.make().parameters())


def _schema(command: str) -> str:
    return f"dynanoise-models/{command}/{VERSION}"


def _tool() -> dict[str, str]:
    return {"dynanoise-export": __version__}
