"""What is known about a deployed model and its defence, as pairs of a name and a text; nothing in them is secret."""

from dataclasses import dataclass

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.reports.execution_wording import on_gpu
from dynanoise_export.reports.terminal import defence_text


@dataclass(frozen=True)
class Fact:
    """What is known of something.

    Attributes:
        name: what it is; "" for a sentence.
        text: its value.
        code: whether the text is a path or a digest, in which each character counts.
    """

    name: str
    text: str
    code: bool = False


def model_facts(model: DeployedModel, defence: Defence | None, name: str) -> list[Fact]:
    """List where a model comes from, and what defends it.

    Args:
        model: the model.
        defence: that it was judged by; None if it has none.
        name: of the model, as a reader should see it.
    """
    digests = [("SHA-256", model.sha256), ("SHA-256 of the content", model.content_sha256)]
    return [
        Fact("Model", name, code=True),
        *(Fact(what, digest, code=True) for what, digest in digests if digest is not None),
        *defence_facts(model, defence),
        *_origin(model),
    ]


def defence_facts(model: DeployedModel, defence: Defence | None) -> list[Fact]:
    """List what defends a model."""
    if defence is None:
        return [Fact("Defence", "none")]
    guard = model.guard
    return [
        Fact("Defence", defence_text(defence.name, defence.parameters)),
        Fact("Noise source", "none" if model.noise is None else model.noise.value),
        Fact("Label", "always the undefended model's" if defence.keep_label else "that of the defended answer"),
        Fact("Guard on the inputs", "none" if guard is None else guard.kind.value),
    ]


def execution_facts(model: DeployedModel) -> list[Fact]:
    """Say how ONNX Runtime ran a model; nothing if it ran elsewhere."""
    execution = model.execution
    if execution is None:
        return []
    kernels = ", the defence by the kernels of the operators" if execution.operators else ""
    return [Fact("Run by", f"{on_gpu(execution) or 'ONNX Runtime on the CPU'}{kernels}")]


def _origin(model: DeployedModel) -> list[Fact]:
    stated = model.provenance
    if stated is None:
        return [Fact("Made from", "not stated")]
    return [
        Fact("Made from", stated.source_format),
        Fact("SHA-256 of the source", stated.source_sha256, code=True),
        Fact("Made with", ", ".join(f"{name} {version}" for name, version in stated.versions.items())),
    ]
