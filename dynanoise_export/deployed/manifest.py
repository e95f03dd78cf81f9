"""The manifest beside a TensorRT plan: how the plan was built, and from which file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, field_validator

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.errors import FileAccessError
from dynanoise_export.graph.provenance import Provenance, entries_of, provenance_of
from dynanoise_export.records import Record, json_of, reading, record_of
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.runtimes.tensorrt.plan_predictor import PlanEndpoint
from dynanoise_export.sources.inputs import is_number_type
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


Text = Annotated[str, Field(max_length=10_000)]
Shape = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Strict(False)]


class _Spec(Record):
    name: Text
    dtype: str
    shape: Annotated[tuple[Annotated[int, Field(ge=0)] | Text, ...], Strict(False)]

    @field_validator("dtype")
    @classmethod
    def _is_of_numbers(cls, dtype: str) -> str:
        if not is_number_type(dtype):
            raise ValueError("it is not the name of a type of numbers")
        return dtype

    def made(self) -> TensorSpec:
        return TensorSpec(self.name, self.dtype, self.shape)


class _Written(Record):
    """A manifest as its file has it; see `Manifest`."""

    schema_: Literal["dynanoise-export/plan/2"] = Field(alias="schema")
    backend: Annotated[TensorRTBackend, Strict(False)]
    version: Text
    compute_capabilities: Annotated[tuple[Text, ...], Strict(False)]
    version_compatible: bool
    hardware_compatibility: Text
    plan_sha256: Text
    read_back: bool
    profiles: dict[str, Annotated[tuple[Shape, Shape, Shape], Strict(False)]]
    precision: Annotated[Precision, Strict(False)]
    constant_seeds: Annotated[tuple[int, ...], Strict(False)] | None
    build_seconds: float
    source: Text
    source_sha256: Text
    inputs: Annotated[tuple[_Spec, ...], Strict(False)]
    noise_input: _Spec | None
    answers: Text
    classes: Annotated[int, Field(ge=0)]
    versions: dict[str, Text]
    provenance: dict[str, str] | None


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
    what = f"{path}, the manifest of a plan,"
    with reading(path, "the manifest of a plan"):
        if not path.exists():
            raise FileAccessError(
                f"{plan} has no manifest {path.name} beside it: build the plan with dynanoise-export compile."
            )
        stated = record_of(_Written, json_of(path.read_text(encoding="utf-8"), what), what)
        fields = {name: getattr(stated, name) for name in _Written.model_fields if name != "schema_"}
        return Manifest(**fields | {
            "inputs": tuple(spec.made() for spec in stated.inputs),
            "noise_input": None if stated.noise_input is None else stated.noise_input.made(),
            "provenance": None if stated.provenance is None else provenance_of(stated.provenance),
        })  # fmt: skip
