"""Decide how Triton is to serve a defended file: what the user asks for, and what is safe and right for the rest."""

import re
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.from_plan import is_plan
from dynanoise_export.deployed.manifest import Manifest, manifest_beside, read_manifest
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployment.triton.labels import chosen_labels
from dynanoise_export.deployment.triton.noise_advice import require_noise_kept
from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.parameters import NoiseSource, Parameters

LARGEST_BATCH = 64
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Wanted:
    """What the user asks for; None leaves it to `decide`.

    Attributes:
        name: of the model on the server.
        backend: what runs it.
        max_batch: the most rows that it takes at once.
        instances: how many copies of it run.
        labels: a file with the name of a class on each line.
    """

    name: str | None = None
    backend: Backend | None = None
    max_batch: int | None = None
    instances: int | None = None
    labels: Path | None = None


@dataclass(frozen=True)
class Decided:
    """How a file is to be deployed.

    Attributes:
        path: of the ONNX file or plan.
        deployed: the model in it.
        stated: what it says of its defence.
        parameters: of that.
        name: of the model on the server.
        backend: what runs it.
        max_batch: the most rows that it takes at once; 0 for a batch that is fixed, which Triton is not to touch.
        instances: how many copies of it run.
        labels: the names of the classes; empty where nobody gave them.
        manifest: of a plan, or None.
    """

    path: Path
    deployed: DeployedModel
    stated: Provenance
    parameters: Parameters
    name: str
    backend: Backend
    max_batch: int
    instances: int
    labels: tuple[str, ...]
    manifest: Manifest | None

    @property
    def noise(self) -> NoiseSource:
        """Where the noise comes from."""
        return NoiseSource(self.stated.noise)


def decide(path: Path, wanted: Wanted) -> Decided:
    """Decide how to serve a file, and check that it can be served so.

    Raises:
        UserError: it can't be opened, is not defended, or can't be deployed in the way that was asked for.
    """
    manifest = _manifest(path) if is_plan(path) else None
    deployed = open_deployed(path)
    stated, parameters = _require_defended(path, deployed)
    noise = NoiseSource(stated.noise)
    backend = _backend(path, manifest, noise, wanted.backend)
    instances = wanted.instances or 1
    require_noise_kept(str(path), noise, backend, instances)
    return Decided(
        path=path,
        deployed=deployed,
        stated=stated,
        parameters=parameters,
        name=_name(wanted.name or path.stem),
        backend=backend,
        max_batch=_max_batch(path, deployed, manifest, wanted.max_batch),
        instances=instances,
        labels=chosen_labels(wanted.labels, stated.labels, deployed.classes),
        manifest=manifest,
    )


def _manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise UserError(f"{path} does not exist, or is no file.")
    manifest = read_manifest(path)
    if manifest.plan_sha256 != sha256(path):
        raise UserError(f"{manifest_beside(path)} is the manifest of another plan than {path}: compile it again.")
    if manifest.backend != "tensorrt":
        raise UserError(
            f"{path} is a plan of {manifest.backend}, and Triton runs plans of tensorrt alone: "
            "compile it with --backend tensorrt, or serve the ONNX file."
        )
    if manifest.constant_seeds:
        raise UserError(
            f"The noise of {path} is dead, for it starts from the same seed at every run: take keyed noise."
        )
    return manifest


def _require_defended(path: Path, deployed: DeployedModel) -> tuple[Provenance, Parameters]:
    stated, parameters = deployed.stated, deployed.parameters
    if stated is None or parameters is None or stated.noise not in list(NoiseSource):
        raise UserError(f"{path} does not state how it is defended: serve a file that export made.")
    fed, keyed = stated.noise == NoiseSource.INPUT, stated.noise == NoiseSource.KEYED
    if fed != (deployed.noise is not None) or keyed != deployed.keyed:
        raise UserError(f"{path} has other noise than the {stated.noise} that it states: export it again.")
    if deployed.graph is None:
        return stated, parameters
    if not deployed.graph.leaks.passed:
        raise UserError(f"{path} answers with more than defended probabilities: see dynanoise-export inspect {path}.")
    if any(draw.seeded or not draw.live for draw in deployed.graph.leaks.draws):
        raise UserError(f"The noise of {path} is dead, by a seed or an optimiser: export it again.")
    return stated, parameters


def _backend(path: Path, manifest: Manifest | None, noise: NoiseSource, wanted: Backend | None) -> Backend:
    fitting = (Backend.ONNXRUNTIME, Backend.PYTHON) if manifest is None else (Backend.TENSORRT,)
    if wanted is not None and wanted not in fitting:
        kind = "an ONNX file" if manifest is None else "a plan"
        raise UserError(f"{path} is {kind}, which --backend {wanted} does not run: take {' or '.join(fitting)}.")
    return wanted or (fitting[-1] if noise is NoiseSource.INPUT else fitting[0])


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for a model: take letters, digits, _, - and . with --name.")
    return name


def _max_batch(path: Path, deployed: DeployedModel, manifest: Manifest | None, wanted: int | None) -> int:
    fixed = not all(spec.shape and isinstance(spec.shape[0], str) for spec in deployed.inputs)
    if fixed and wanted is not None:
        raise UserError(f"{path} has a fixed batch, so --max-batch can't be chosen.")
    if fixed:
        return 0
    if manifest is None:
        return wanted or LARGEST_BATCH
    most = min(largest[0] for _, _, largest in manifest.profiles.values())
    if wanted is not None and wanted > most:
        raise UserError(f"{path} was built for at most {most} rows: take --max-batch {most} or less.")
    return wanted or most
