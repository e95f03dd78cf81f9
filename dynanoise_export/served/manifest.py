"""The manifest beside a TensorRT plan: what a plan does not say of itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.graph.provenance import Provenance, entries_of, provenance_of
from dynanoise_export.targets.inputs import TensorSpec

SCHEMA = "dynanoise-export/plan/1"

# The smallest, the most frequent and the largest shape of an input.
Profile = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Manifest:
    """How a plan was built, and of what.

    Attributes:
        backend: what built it and runs it: tensorrt or tensorrt-rtx.
        version: of that.
        compute_capabilities: of the GPUs that it was built for, as in 8.9.
        profiles: of each input, by its name.
        version_compatible: whether later versions of the backend run it.
        hardware_compatibility: which GPUs beside those run it, by the backend's own name of the level.
        precision: of the model; the head computes in float32.
        build_seconds: how long the build took.
        plan_sha256: of the plan.
        source: the name of the ONNX file.
        source_sha256: of that file and its external data.
        inputs: what a client sends; not the noise.
        noise: the input that takes the noise, or None.
        answers: the name of the output.
        classes: k.
        versions: of the tools that built it.
        stated: what the ONNX file says of its defence, or None.
    """

    backend: str
    version: str
    compute_capabilities: tuple[str, ...]
    profiles: dict[str, Profile]
    version_compatible: bool
    hardware_compatibility: str
    precision: str
    build_seconds: float
    plan_sha256: str
    source: str
    source_sha256: str
    inputs: tuple[TensorSpec, ...]
    noise: TensorSpec | None
    answers: str
    classes: int
    versions: dict[str, str]
    stated: Provenance | None


def manifest_beside(plan: Path) -> Path:
    """Tell where the manifest of a plan lies."""
    return plan.with_name(f"{plan.name}.json")


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as JSON."""
    document = vars(manifest) | {
        "schema": SCHEMA,
        "inputs": [vars(spec) for spec in manifest.inputs],
        "noise": vars(manifest.noise) if manifest.noise else None,
        "stated": entries_of(manifest.stated) if manifest.stated else None,
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(plan: Path) -> Manifest:
    """Read the manifest beside a plan.

    Raises:
        UserError: there is none, or it is none of this tool's.
    """
    path = manifest_beside(plan)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        return Manifest(**content | {
            "compute_capabilities": tuple(content["compute_capabilities"]),
            "profiles": {name: _profile(shapes) for name, shapes in content["profiles"].items()},
            "inputs": tuple(_spec(spec) for spec in content["inputs"]),
            "noise": _spec(content["noise"]) if content["noise"] else None,
            "stated": provenance_of(content["stated"]) if content["stated"] else None,
        })  # fmt: skip
    except FileNotFoundError as error:
        raise UserError(f"{plan} has no manifest {path.name} beside it, which compile writes.") from error
    except Exception as error:  # whatever a file that somebody has damaged makes of it
        raise UserError(f"{path} is no manifest of a plan: {first_line(error)}") from error


def _profile(shapes: list[list[int]]) -> Profile:
    smallest, usual, largest = (tuple(map(int, shape)) for shape in shapes)
    return smallest, usual, largest


def _spec(spec: dict[str, Any]) -> TensorSpec:
    return TensorSpec(spec["name"], spec["dtype"], tuple(spec["shape"]))
