"""What a defended file says of its making, in the model's metadata."""

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from dynanoise_export import __version__

PREFIX = "dynanoise."
TOOLS = ("torch", "onnx", "onnx-ir", "onnxscript", "transformers")


@dataclass(frozen=True)
class Provenance:
    """Where a defended file comes from.

    Attributes:
        head: the name of the defence.
        parameters: of the head, by name.
        noise: the noise source.
        noise_input: the name of the input that takes the noise, for the source `input`.
        key: the fingerprint of the key, for the source `keyed`; the key itself is nowhere in the file.
        grids: the widths of the cells of keyed noise; empty for other sources.
        keep_label: whether answers keep the undefended model's label.
        source_format: how the user's model was stored.
        source_sha256: of the user's file, or of the files together.
        versions: of the tools that made the file.
        labels: the names of the classes, in their order; empty where nobody gave them.
    """

    head: str
    parameters: dict[str, float]
    noise: str
    noise_input: str | None
    source_format: str
    source_sha256: str
    versions: dict[str, str]
    key: str | None = None
    grids: tuple[float, ...] = ()
    keep_label: bool = False
    labels: tuple[str, ...] = ()


def tool_versions() -> dict[str, str]:
    """Tell the versions of this tool and of the libraries that a graph passes through."""
    return {"dynanoise-export": __version__} | {name: importlib.metadata.version(name) for name in TOOLS}


def write_provenance(model: ir.Model, provenance: Provenance) -> None:
    """Put the provenance into the model's metadata, beside what is there."""
    model.metadata_props.update(entries_of(provenance))


def read_provenance(model: ir.Model) -> Provenance | None:
    """Read the provenance, or tell that the file states none (None) or not a whole one (None as well)."""
    return provenance_of(model.metadata_props)


def entries_of(provenance: Provenance) -> dict[str, str]:
    """Spell the provenance as texts by name: what stands in a file's metadata, a plan's manifest, a server's config."""
    entries = {
        "head": provenance.head,
        "parameters": json.dumps(provenance.parameters),
        "noise": provenance.noise,
        "noise_input": provenance.noise_input,
        "source_format": provenance.source_format,
        "source_sha256": provenance.source_sha256,
        "versions": json.dumps(provenance.versions),
        "key": provenance.key,
        "grids": json.dumps(provenance.grids) if provenance.grids else None,
        "keep_label": json.dumps(provenance.keep_label),
        "labels": json.dumps(provenance.labels) if provenance.labels else None,
    }
    return {PREFIX + k: v for k, v in entries.items() if v is not None}


def provenance_of(entries: Mapping[str, str]) -> Provenance | None:
    """Read the provenance from texts by name, or tell that they hold none or not a whole one (None)."""
    stated = {k.removeprefix(PREFIX): v for k, v in entries.items() if k.startswith(PREFIX)}
    try:
        return Provenance(
            head=stated["head"],
            parameters=_table(stated["parameters"]),
            noise=stated["noise"],
            noise_input=stated.get("noise_input"),
            source_format=stated["source_format"],
            source_sha256=stated["source_sha256"],
            versions=_table(stated["versions"]),
            key=stated.get("key"),
            grids=tuple(float(grid) for grid in json.loads(stated.get("grids", "[]"))),
            keep_label=bool(json.loads(stated.get("keep_label", "false"))),
            labels=tuple(str(label) for label in json.loads(stated.get("labels", "[]"))),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _table(text: str) -> dict[str, Any]:
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError(f"{text} is no JSON object")
    return table
