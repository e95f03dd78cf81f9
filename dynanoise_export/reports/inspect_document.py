"""The JSON document of `inspect`."""

from typing import TypedDict

from dynanoise_export.graph.leaks import LeakReport
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.inspecting import Inspection
from dynanoise_export.reports.documents import Header, header
from dynanoise_export.reports.guard_wording import GuardDocument, guard_document


class DefenceNodeDocument(TypedDict):
    """A node that calls a function of a defence."""

    function: str
    node: str
    attributes: dict[str, float]


class DrawDocument(TypedDict):
    """A draw of noise in the graph."""

    name: str
    kind: str
    operator: str
    seeded: bool
    live: bool


class LeaksDocument(TypedDict):
    """What the taint walk found."""

    passed: bool
    leaking_outputs: list[str]
    defended_outputs: list[str]
    overridable_weights: list[str]
    draws: list[DrawDocument]


class NotableDocument(TypedDict):
    """An operator before the defence that could hide a channel of the model's author."""

    node: str
    operator: str
    reason: str


class ProvenanceDocument(TypedDict):
    """What the file states about how it was made."""

    defence: str
    parameters: dict[str, float]
    noise: str | None
    noise_input: str | None
    source_format: str
    source_sha256: str
    versions: dict[str, str]
    key: str | None
    grids: list[float]
    keep_label: bool
    labels: list[str]
    guard: GuardDocument | None


class InspectDocument(Header):
    """What `inspect` found; `passed` says whether the file gives defended answers and nothing else."""

    size: int
    ir_version: int
    producer: str
    opsets: dict[str, int]
    inputs: dict[str, str]
    outputs: dict[str, str]
    operators: int
    functions: list[str]
    defence_nodes: list[DefenceNodeDocument]
    leaks: LeaksDocument
    form: str
    form_detail: str
    graph_seen: bool
    operators_to_look_at: list[NotableDocument]
    provenance: ProvenanceDocument | None


def inspect_document(seen: Inspection) -> InspectDocument:
    """Describe what `inspect` found."""
    stated = seen.provenance
    return {
        **header("inspect", seen.path, seen.sha256, stated, content=seen.content_sha256, passed=seen.passed),
        "size": seen.size,
        "ir_version": seen.ir_version,
        "producer": seen.producer,
        "opsets": seen.opsets,
        "inputs": seen.inputs,
        "outputs": seen.outputs,
        "operators": seen.operators,
        "functions": list(seen.functions),
        "defence_nodes": [
            {"function": node.function, "node": node.node, "attributes": node.attributes} for node in seen.defence_nodes
        ],
        "leaks": _leaks(seen.leaks),
        "form": seen.form,
        "form_detail": seen.form_detail,
        "graph_seen": seen.graph_seen,
        "operators_to_look_at": [
            {"node": one.node, "operator": one.operator, "reason": one.reason} for one in seen.notable
        ],
        "provenance": None if stated is None else provenance_document(stated),
    }


def provenance_document(stated: Provenance) -> ProvenanceDocument:
    """Describe what a file states."""
    return {
        "defence": stated.defence,
        "parameters": stated.parameters,
        "noise": stated.noise,
        "noise_input": stated.noise_input,
        "source_format": stated.source_format,
        "source_sha256": stated.source_sha256,
        "versions": stated.versions,
        "key": stated.key,
        "grids": list(stated.grids),
        "keep_label": stated.keep_label,
        "labels": list(stated.labels),
        "guard": guard_document(stated.guard),
    }


def _leaks(report: LeakReport) -> LeaksDocument:
    return {
        "passed": report.passed,
        "leaking_outputs": list(report.leaking),
        "defended_outputs": list(report.defended),
        "overridable_weights": list(report.overridable),
        "draws": [
            {"name": draw.name, "kind": draw.kind, "operator": draw.operator, "seeded": draw.seeded, "live": draw.live}
            for draw in report.draws
        ],
    }
