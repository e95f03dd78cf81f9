"""The provenance of a defended file, in the model's metadata: how it was made."""

import importlib.metadata
import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

import onnx_ir as ir
from pydantic import Field, Strict

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.catalogue import make_defence
from dynanoise_export.defences.guards.guard import Guard, GuardKind
from dynanoise_export.defences.guards.guard_catalogue import stated_guard
from dynanoise_export.errors import FormatError, UserError
from dynanoise_export.fixed_tensors import FixedTensor, PackedTensor, packed_tensors, unpacked_tensors
from dynanoise_export.graph.external_data import scopes, weights
from dynanoise_export.graph.log_probabilities import LARGEST_FLOOR
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.noise.keyed.keyed_noise import MOST_GRIDS, NARROWEST, WIDEST
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.records import Record, json_of, record_of
from dynanoise_export.version import __version__

PREFIX = "dynanoise."
TOOLS = ("torch", "onnx", "onnx-ir", "onnxscript", "transformers")

# A defence has a few parameters, and a file was made by a few tools.
MOST_NAMES = 100
# The entries that are JSON; the others are plain texts.
AS_JSON = {"parameters", "versions", "grids", "keep_label", "labels", "floor", "binary", "tensors", "guard"}

# What a file may state: texts of a bounded length, and digests of their full length.
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Width = Annotated[float, Field(ge=NARROWEST, le=WIDEST)]


@dataclass(frozen=True)
class Provenance:
    """How a defended file was made.

    Attributes:
        defence: its name in the registry.
        parameters: of the defence, by name.
        noise: the noise source; None for a defence that takes no noise.
        noise_input: the name of the input that takes the noise, for the source `input`.
        key: the fingerprint of the key, for the source `keyed`; the file does not hold the key itself.
        grids: the widths of the cells of keyed noise; empty for other sources.
        keep_label: whether answers keep the undefended model's label.
        source_format: the format of the user's model.
        source_sha256: of the user's file or files; of an ONNX file, that of its content.
        versions: of the tools that made the file.
        labels: the names of the classes, in their order; empty if they are not known.
        floor: the smallest probability that the defence distinguishes, if it takes probabilities; None for logits.
        treated_as: what the user said that the model's scores are, "logits" or "probabilities"; None if it was found.
        binary: whether the model has one score, which is that of the second of two classes.
        tensors: of a defence that was fitted to the model, by name.
        guard: on the inputs; None if there is none.
    """

    defence: str
    parameters: dict[str, float]
    noise: NoiseSource | None
    noise_input: str | None
    source_format: str
    source_sha256: str
    versions: dict[str, str]
    key: str | None = None
    grids: tuple[float, ...] = ()
    keep_label: bool = False
    labels: tuple[str, ...] = ()
    floor: float | None = None
    treated_as: str | None = None
    binary: bool = False
    tensors: Mapping[str, FixedTensor] = field(default_factory=dict)
    guard: Guard | None = None

    def made_defence(self) -> Defence:
        """Make the defence that the file states.

        Raises:
            UsageError: no such defence is installed, or it does not take such parameters.
        """
        return make_defence(self.defence, self.parameters, tensors=self.tensors, keep_label=self.keep_label)


class StatedGuard(Record):
    """A guard as a file states it; see `Guard`."""

    kind: Annotated[GuardKind, Strict(False)]
    bounds: dict[Name, dict[Name, PackedTensor]] = Field(max_length=MOST_NAMES)

    def made(self) -> Guard:
        """Make the guard.

        Raises:
            FormatError: a tensor is damaged, or the bounds are not those of such a guard.
        """
        bounds = {name: unpacked_tensors(tensors, "The bound") for name, tensors in self.bounds.items()}
        return stated_guard(self.kind, bounds)


class StatedProvenance(Record):
    """A provenance as a file or a server states it; see `Provenance`."""

    defence: Name
    parameters: dict[Name, float] = Field(max_length=MOST_NAMES)
    noise: Annotated[NoiseSource, Strict(False)] | None = None
    noise_input: Name | None = None
    source_format: Name
    source_sha256: Digest
    versions: dict[Name, Name] = Field(max_length=MOST_NAMES)
    key: Fingerprint | None = None
    grids: Annotated[tuple[Width, ...], Field(max_length=MOST_GRIDS), Strict(False)] = ()
    keep_label: bool = False
    labels: Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Strict(False)] = ()
    floor: Annotated[float, Field(gt=0, lt=LARGEST_FLOOR)] | None = None
    treated_as: Literal["logits", "probabilities"] | None = None
    binary: bool = False
    tensors: dict[Name, PackedTensor] = Field(default={}, max_length=MOST_NAMES)
    guard: StatedGuard | None = None


def tool_versions() -> dict[str, str]:
    """Find the versions of this tool and of the installed libraries that a graph may pass through."""
    versions = {"dynanoise-export": __version__}
    for name in TOOLS:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def write_provenance(model: ir.Model, provenance: Provenance) -> None:
    """Set the provenance in the model's metadata, in place of any that was there."""
    strip_provenance(model)
    model.metadata_props.update(entries_of(provenance))


def read_provenance(model: ir.Model) -> Provenance | None:
    """Read the provenance from the model's metadata; None if it is missing, incomplete, or of other inputs."""
    stated = provenance_of(model.metadata_props)
    if stated is not None and stated.guard is not None:
        try:
            stated.guard.require_fits([spec for spec in input_specs(model) if spec.name != stated.noise_input])
        except UserError:
            return None
    return stated


def entries_of(provenance: Provenance) -> dict[str, str]:
    """Convert the provenance to texts by name, for a file's metadata, a plan's manifest or a server's config."""
    entries = {
        "defence": provenance.defence,
        "parameters": json.dumps(provenance.parameters),
        "noise": provenance.noise and provenance.noise.value,
        "noise_input": provenance.noise_input,
        "source_format": provenance.source_format,
        "source_sha256": provenance.source_sha256,
        "versions": json.dumps(provenance.versions),
        "key": provenance.key,
        "grids": json.dumps(provenance.grids) if provenance.grids else None,
        "keep_label": json.dumps(provenance.keep_label),
        "labels": json.dumps(provenance.labels) if provenance.labels else None,
        "floor": None if provenance.floor is None else json.dumps(provenance.floor),
        "treated_as": provenance.treated_as,
        "binary": json.dumps(True) if provenance.binary else None,
        "tensors": json.dumps(packed_tensors(provenance.tensors)) if provenance.tensors else None,
        "guard": None if provenance.guard is None else json.dumps(packed_guard(provenance.guard)),
    }
    return {PREFIX + k: v for k, v in entries.items() if v is not None}


def provenance_of(entries: Mapping[str, object]) -> Provenance | None:
    """Read the provenance from texts by name; None if it is missing, incomplete, or of another form in any part."""
    stated = {str(name).removeprefix(PREFIX): text for name, text in entries.items() if str(name).startswith(PREFIX)}
    texts = {name: text for name, text in stated.items() if isinstance(text, str)}
    if len(texts) < len(stated):
        return None
    try:
        content = {name: json_of(text, "The provenance") if name in AS_JSON else text for name, text in texts.items()}
        record = record_of(StatedProvenance, content, "The provenance")
        tensors = unpacked_tensors(record.tensors, "The tensor")
        guard = None if record.guard is None else record.guard.made()
        return Provenance(**vars(record) | {"tensors": tensors, "guard": guard})
    except FormatError:
        return None


def packed_guard(guard: Guard) -> dict[str, object]:
    """Give plain values for JSON."""
    return {"kind": guard.kind, "bounds": {name: packed_tensors(tensors) for name, tensors in guard.bounds.items()}}


def states_defence(model: ir.Model) -> bool:
    """Whether a model's metadata name a defence, whatever else they say."""
    return f"{PREFIX}defence" in model.metadata_props


def strip_provenance(model: ir.Model) -> None:
    """Remove all metadata under this tool's prefix from a foreign model, in place, wherever ONNX has metadata."""
    for holder in _holders(model):
        for name in [name for name in holder.metadata_props if str(name).strip().casefold().startswith(PREFIX)]:
            del holder.metadata_props[name]


class _Holder(Protocol):
    @property
    def metadata_props(self) -> MutableMapping[str, str]: ...


def _holders(model: ir.Model) -> Iterator[_Holder]:
    yield model
    for scope in scopes(model):
        for graph in (scope, *scope.subgraphs()):
            yield graph
            yield from graph.inputs
            for node in graph:
                yield node
                yield from node.outputs
    for value, _ in weights(model):  # a tensor's own are removed when its file is read
        yield value
