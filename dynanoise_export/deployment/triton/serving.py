"""Decide how Triton serves a defended model: what the user chooses, and what is safe for the rest."""

import re
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.manifest import Manifest, manifest_beside, manifest_of
from dynanoise_export.deployment.triton.labels import chosen_labels
from dynanoise_export.deployment.triton.noise_advice import require_safe_noise
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.errors import FormatError, NoiseError, UsageError
from dynanoise_export.files import sha256
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend

LARGEST_BATCH = 64
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Choices:
    """What the user chooses; None leaves it to `decide_serving`.

    Attributes:
        name: of the model on the server.
        backend: what runs it.
        max_batch: the most rows that it takes at once.
        instances: how many copies of it run.
        labels: a file with the name of a class on each line.
    """

    name: str | None
    backend: TritonBackend | None
    max_batch: int | None
    instances: int
    labels: Path | None


@dataclass(frozen=True)
class Serving:
    """How Triton serves a model.

    Attributes:
        path: of the ONNX file or plan.
        name: of the model on the server.
        backend: what runs it.
        max_batch: the most rows that it takes at once; 0 for a model with a fixed batch, which Triton leaves alone.
        instances: how many copies of it run.
        labels: the names of the classes; empty if they are not known.
    """

    path: Path
    name: str
    backend: TritonBackend
    max_batch: int
    instances: int
    labels: tuple[str, ...]


def decide_serving(model: DeployedModel, path: Path, choices: Choices) -> Serving:
    """Decide how to serve a defended model, and check that it can be served so.

    Args:
        model: an ONNX file or a plan.
        path: of it.
        choices: what the user chooses.

    Raises:
        UserError: Triton can't serve it so, or its noise would be dead, repeat, or be the client's to choose.
    """
    manifest = manifest_of(model)
    if manifest is not None:
        _require_tritons(path, manifest)
    backend = _backend(model, manifest, choices.backend)
    require_safe_noise(model.name, model.noise, backend, choices.instances)
    return Serving(
        path=path,
        name=_name(choices.name or path.stem),
        backend=backend,
        max_batch=_max_batch(model, manifest, choices.max_batch),
        instances=choices.instances,
        labels=chosen_labels(choices.labels, model.labels, model.classes),
    )


def _require_tritons(path: Path, manifest: Manifest) -> None:
    """Check that Triton runs a plan, and that its noise is not dead."""
    if manifest.plan_sha256 != sha256(path):
        raise FormatError(f"{manifest_beside(path)} is the manifest of another plan than {path}: compile it again.")
    if manifest.backend is not TensorRTBackend.TENSORRT:
        raise UsageError(
            f"{path} is a plan of {manifest.backend}, and Triton runs only plans of tensorrt: "
            "compile it with --backend tensorrt, or serve the ONNX file."
        )
    if manifest.constant_seeds:
        raise NoiseError(
            f"The noise of {path} is dead, because it starts from the same seed at every run: use keyed noise."
        )


def _backend(model: DeployedModel, manifest: Manifest | None, chosen: TritonBackend | None) -> TritonBackend:
    plan = manifest is not None
    fitting = (TritonBackend.TENSORRT,) if plan else (TritonBackend.ONNXRUNTIME, TritonBackend.PYTHON)
    if chosen is not None and chosen not in fitting:
        kind = "a plan" if plan else "an ONNX file"
        raise UsageError(
            f"{model.name} is {kind}, which --backend {chosen} does not run: choose {' or '.join(fitting)}."
        )
    return chosen or (fitting[-1] if model.noise is NoiseSource.INPUT else fitting[0])


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be a model's name: choose one of letters, digits, _, - and . with --name.")
    return name


def _max_batch(model: DeployedModel, manifest: Manifest | None, chosen: int | None) -> int:
    if not all(spec.shape and isinstance(spec.shape[0], str) for spec in model.inputs):
        if chosen is not None:
            raise UsageError(f"{model.name} has a fixed batch, so --max-batch can't be chosen.")
        return 0
    if manifest is None:
        return chosen or LARGEST_BATCH
    most = min(largest[0] for _, _, largest in manifest.profiles.values())
    if chosen is not None and chosen > most:
        raise UsageError(f"{model.name} was built for at most {most} rows: choose --max-batch {most} or less.")
    return chosen or most
