"""The manifest beside a TensorRT plan: how the plan was built, and from which file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.errors import FileAccessError, FormatError, first_line
from dynanoise_export.graph.provenance import Provenance, entries_of, provenance_of
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.runtimes.tensorrt.plan_predictor import PlanEndpoint
from dynanoise_export.types import Precision, TensorSpec

SCHEMA = "dynanoise-export/plan/2"

# The smallest, the most frequent and the largest shape of an input.
Profile = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Manifest(Build):
    """How a plan was built, and from which file.

    Attributes:
        read_back: whether the hardware compatibility was read from the plan, which needs a GPU; if not, it is what
            was requested.
        profiles: of each input, by its name.
        precision: of the model; the defence computes in float32.
        constant_seeds: from which the plan's text starts its random generators at every run; None if the plan draws
            and its text does not show the seeds.
        build_seconds: how long the build took.
        source: the name of the ONNX file.
        source_sha256: of that file and its external data.
        inputs: what a client sends; not the noise.
        noise_input: the input that takes the noise, or None.
        answers: the name of the output.
        classes: k.
        versions: of the tools that built it.
        provenance: what the ONNX file states about how it was made, or None.
    """

    read_back: bool
    profiles: dict[str, Profile]
    precision: Precision
    constant_seeds: tuple[int, ...] | None
    build_seconds: float
    source: str
    source_sha256: str
    inputs: tuple[TensorSpec, ...]
    noise_input: TensorSpec | None
    answers: str
    classes: int
    versions: dict[str, str]
    provenance: Provenance | None


def manifest_beside(plan: Path) -> Path:
    """Give the path of the manifest of a plan."""
    return plan.with_name(f"{plan.name}.json")


def manifest_of(model: DeployedModel) -> Manifest | None:
    """Give the manifest of a deployed model, as it was read when the model was opened; None if it is not a plan."""
    if isinstance(model.endpoint, PlanEndpoint) and isinstance(model.endpoint.build, Manifest):
        return model.endpoint.build
    return None


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """Give a manifest as JSON holds it."""
    return vars(manifest) | {
        "inputs": [vars(spec) for spec in manifest.inputs],
        "noise_input": vars(manifest.noise_input) if manifest.noise_input else None,
        "provenance": entries_of(manifest.provenance) if manifest.provenance else None,
    }


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as JSON."""
    document = {"schema": SCHEMA} | manifest_document(manifest)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(plan: Path) -> Manifest:
    """Read the manifest beside a plan.

    Raises:
        FileAccessError: there is none.
        FormatError: it is damaged, or another version of this tool wrote it.
    """
    path = manifest_beside(plan)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        return Manifest(**content | {
            "backend": TensorRTBackend(content["backend"]),
            "compute_capabilities": tuple(map(str, content["compute_capabilities"])),
            "profiles": {name: _profile(shapes) for name, shapes in content["profiles"].items()},
            "precision": Precision(content["precision"]),
            "constant_seeds": None if content["constant_seeds"] is None else tuple(map(int, content["constant_seeds"])),
            "inputs": tuple(_spec(spec) for spec in content["inputs"]),
            "noise_input": _spec(content["noise_input"]) if content["noise_input"] else None,
            "provenance": provenance_of(content["provenance"]) if content["provenance"] else None,
        })  # fmt: skip
    except FileNotFoundError as error:
        raise FileAccessError(
            f"{plan} has no manifest {path.name} beside it: build the plan with dynanoise-export compile."
        ) from error
    except Exception as error:  # a damaged file can raise anything
        raise FormatError(f"{path} is not the manifest of a plan: {first_line(error)}") from error


def _profile(shapes: list[list[int]]) -> Profile:
    smallest, usual, largest = (tuple(map(int, shape)) for shape in shapes)
    return smallest, usual, largest


def _spec(spec: dict[str, Any]) -> TensorSpec:
    return TensorSpec(spec["name"], spec["dtype"], tuple(spec["shape"]))
