"""The provenance of a defended file, in the model's metadata: how it was made."""

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.catalogue import make_defence
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.version import __version__

PREFIX = "dynanoise."
TOOLS = ("torch", "onnx", "onnx-ir", "onnxscript", "transformers")


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
        source_sha256: of the user's file or files.
        versions: of the tools that made the file.
        labels: the names of the classes, in their order; empty if they are not known.
        floor: the smallest probability that the defence distinguishes, if it takes probabilities; None for logits.
        treated_as: what the user said that the model's scores are, "logits" or "probabilities"; None if it was found.
        binary: whether the model has one score, which is that of the second of two classes.
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

    def made_defence(self) -> Defence:
        """Make the defence that the file states.

        Raises:
            UsageError: no such defence is installed, or it does not take such parameters.
        """
        return make_defence(self.defence, self.parameters, keep_label=self.keep_label)


def tool_versions() -> dict[str, str]:
    """Find the versions of this tool and of the libraries that a graph passes through."""
    return {"dynanoise-export": __version__} | {name: importlib.metadata.version(name) for name in TOOLS}


def write_provenance(model: ir.Model, provenance: Provenance) -> None:
    """Add the provenance to the model's metadata."""
    model.metadata_props.update(entries_of(provenance))


def read_provenance(model: ir.Model) -> Provenance | None:
    """Read the provenance from the model's metadata; None if it is missing or incomplete."""
    return provenance_of(model.metadata_props)


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
    }
    return {PREFIX + k: v for k, v in entries.items() if v is not None}


def provenance_of(entries: Mapping[str, str]) -> Provenance | None:
    """Read the provenance from texts by name; None if it is missing or incomplete."""
    stated = {k.removeprefix(PREFIX): v for k, v in entries.items() if k.startswith(PREFIX)}
    try:
        return Provenance(
            defence=stated["defence"],
            parameters=_table(stated["parameters"]),
            noise=NoiseSource(stated["noise"]) if "noise" in stated else None,
            noise_input=stated.get("noise_input"),
            source_format=stated["source_format"],
            source_sha256=stated["source_sha256"],
            versions=_table(stated["versions"]),
            key=stated.get("key"),
            grids=tuple(float(grid) for grid in json.loads(stated.get("grids", "[]"))),
            keep_label=bool(json.loads(stated.get("keep_label", "false"))),
            labels=tuple(str(label) for label in json.loads(stated.get("labels", "[]"))),
            floor=float(stated["floor"]) if "floor" in stated else None,
            treated_as=stated.get("treated_as"),
            binary=bool(json.loads(stated.get("binary", "false"))),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _table(text: str) -> dict[str, Any]:
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError(f"{text} is not a JSON object")
    return table
