"""The manifest beside a TensorRT plan: what a plan does not say of itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.graph.provenance import Provenance, entries_of, provenance_of
from dynanoise_export.parameters import Precision
from dynanoise_export.runtimes.tensorrt.backend import Backend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.sources.inputs import TensorSpec

SCHEMA = "dynanoise-export/plan/1"

# The smallest, the most frequent and the largest shape of an input.
Profile = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Manifest(Build):
    """How a plan was built, and of what.

    Attributes:
        read_back: whether the hardware compatibility is the plan's own word, which takes a GPU; else it is what was
            asked for.
        profiles: of each input, by its name.
        precision: of the model; the head computes in float32.
        constant_seeds: from which the plan's text starts its random generators at every run; None where it draws and
            its text does not tell.
        build_seconds: how long the build took.
        source: the name of the ONNX file.
        source_sha256: of that file and its external data.
        inputs: what a client sends; not the noise.
        noise: the input that takes the noise, or None.
        answers: the name of the output.
        classes: k.
        versions: of the tools that built it.
        stated: what the ONNX file says of its defence, or None.
    """

    read_back: bool
    profiles: dict[str, Profile]
    precision: Precision
    constant_seeds: tuple[int, ...] | None
    build_seconds: float
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


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """Spell a manifest in what JSON holds."""
    return vars(manifest) | {
        "inputs": [vars(spec) for spec in manifest.inputs],
        "noise": vars(manifest.noise) if manifest.noise else None,
        "stated": entries_of(manifest.stated) if manifest.stated else None,
    }


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as JSON."""
    document = {"schema": SCHEMA} | manifest_document(manifest)
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
            "backend": Backend(content["backend"]),
            "compute_capabilities": tuple(map(str, content["compute_capabilities"])),
            "profiles": {name: _profile(shapes) for name, shapes in content["profiles"].items()},
            "precision": Precision(content["precision"]),
            "constant_seeds": None if content["constant_seeds"] is None else tuple(map(int, content["constant_seeds"])),
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
