"""What `inspect` found, on a terminal."""

from rich.console import Console

from dynanoise_export.graph.draws import Draw, DrawKind
from dynanoise_export.graph.leaks import LeakReport
from dynanoise_export.inspecting import Form, Inspection
from dynanoise_export.reports.guard_wording import guard_rows
from dynanoise_export.reports.noise_wording import noise_text
from dynanoise_export.reports.terminal import Row, defence_text, print_rows

# Of the operators to look at; the JSON document has all of them.
LISTED = 10


def print_inspection(seen: Inspection, console: Console) -> None:
    """Print what `inspect` found."""
    if not seen.graph_seen:
        print_rows(_unseen_rows(seen), console)
        return
    rows: list[Row] = [
        ("file", f"{seen.path} ({seen.size:,} bytes)"),
        ("sha256", seen.sha256),
        ("content", f"sha256 {seen.content_sha256}"),
        ("format", f"ONNX, IR {seen.ir_version}, " + ", ".join(f"{k} {v}" for k, v in seen.opsets.items())),
        ("producer", seen.producer or "not stated"),
        ("inputs", _typed(seen.inputs)),
        ("outputs", _typed(seen.outputs)),
        ("graph", f"{seen.operators} nodes, functions: {', '.join(seen.functions) or 'none'}"),
        ("defence", _nodes(seen)),
        ("leak check", _verdict(seen.leaks)),
        ("form", _form(seen)),
        ("draws", [*map(_draw, seen.leaks.draws)] or "none"),
        ("to look at", _notable(seen)),
        *_provenance_rows(seen),
    ]
    print_rows(rows, console)


def _unseen_rows(seen: Inspection) -> list[Row]:
    """Say what is known of a file whose graph can't be read."""
    return [
        ("file", f"{seen.path} ({seen.size:,} bytes)"),
        ("sha256", seen.sha256),
        ("format", "ONNX Runtime's own"),
        ("inputs", _typed(seen.inputs)),
        ("outputs", _typed(seen.outputs)),
        ("leak check", f"not made: {seen.form_detail}"),
        *_provenance_rows(seen),
    ]


def _typed(types: dict[str, str]) -> list[str]:
    return [f"{name}: {kind}" for name, kind in types.items()]


def _nodes(seen: Inspection) -> str | list[str]:
    if seen.defence_nodes:
        return [defence_text(node.function, node.attributes) for node in seen.defence_nodes]
    return "flattened into plain operators" if seen.provenance else "none"


def _verdict(leaks: LeakReport) -> str:
    if leaks.passed:
        return "passed: the defence covers every output"
    reasons = [f"the defence does not cover {name}" for name in leaks.leaking]
    reasons += [f"a caller can replace {name}" for name in leaks.overridable]
    return "FAILED: " + ("; ".join(reasons) or "no output depends on the query")


def _form(seen: Inspection) -> str:
    if seen.form is Form.AS_STATED:
        tables = "; its tables are not compared without the key" if seen.provenance and seen.provenance.key else ""
        guard = (
            ", and the inputs go through the stated guard alone" if seen.provenance and seen.provenance.guard else ""
        )
        return f"nothing but the stated defence is behind the logits{guard}{tables}"
    return f"{'DIFFERENT' if seen.form is Form.DIFFERENT else 'not compared'}: {seen.form_detail}"


def _notable(seen: Inspection) -> str | list[str]:
    listed = [f"{one.operator} {one.node}: {one.reason}" for one in seen.notable[:LISTED]]
    left = len(seen.notable) - len(listed)
    return [*listed, *([f"and {left} more"] if left else [])] or "none"


def _draw(draw: Draw) -> str:
    life = "live" if draw.live else "dead: an optimiser may fold it"
    kind = draw.operator if draw.kind is DrawKind.RANDOM else draw.kind
    return f"{kind} {draw.name}: {life}{', seeded: repeats in every session' if draw.seeded else ''}"


def _provenance_rows(seen: Inspection) -> list[Row]:
    stated = seen.provenance
    if stated is None:
        return [("provenance", "none: this tool did not write the file")]
    return [
        ("stated", defence_text(stated.defence, stated.parameters)),
        ("noise", noise_text(stated)),
        *guard_rows(stated.guard),
        *([("label", "always the undefended model's, as the file states")] if stated.keep_label else []),
        ("source", f"{stated.source_format}, sha256 {stated.source_sha256}"),
        ("made with", ", ".join(f"{name} {version}" for name, version in stated.versions.items())),
    ]
