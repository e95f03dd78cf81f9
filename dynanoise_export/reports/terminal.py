"""Results as tables on a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dynanoise_export.exporting import Exported
from dynanoise_export.graph.leaks import Draw, LeakReport
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.inspecting import Inspection
from dynanoise_export.noise.strength import warning
from dynanoise_export.parameters import NoiseSource
from dynanoise_export.validation.check import Check

if TYPE_CHECKING:  # it imports PyTorch, which the other tables can do without
    from dynanoise_export.validation.validating import Validation

Row = tuple[str, str]


def print_exported(exported: Exported, console: Console) -> None:
    """Show what `export` made."""
    target = exported.target
    rows = [
        ("made", str(exported.path)),
        ("from", f"{target.path} ({target.format})"),
        ("inputs", ", ".join(map(str, target.inputs))),
        ("classes", str(target.classes)),
        ("logits", exported.logits),
        ("defence", f"{exported.provenance.head} ({_parameters(exported.provenance.parameters)})"),
        ("noise", stated_noise(exported.provenance) + _for_two_classes(exported)),
        *_key_row(exported),
        *([("label", "kept: it is always the undefended model's")] if exported.provenance.keep_label else []),
        ("checked", "no leak, ONNX checker, opened and run in ONNX Runtime"),
        ("sha256", exported.sha256),
    ]
    print_rows(rows, console)


def stated_noise(stated: Provenance) -> str:
    """Tell the noise source, and of keyed noise what may be told."""
    if stated.key is None:
        known = warning(NoiseSource(stated.noise)) if stated.noise in list(NoiseSource) else None
        return f"{stated.noise} ({known}: docs/noise.md)" if known else stated.noise
    return f"{stated.noise} (key {stated.key}, grids {', '.join(f'{grid:g}' for grid in stated.grids)})"


def _for_two_classes(exported: Exported) -> str:
    """Warn of keyed noise where there is one number to hash."""
    weak = exported.key_file is not None and exported.target.classes == 2
    return "; weak with two classes, where many queries share it: docs/keyed-noise.md" if weak else ""


def _key_row(exported: Exported) -> list[Row]:
    key = exported.key_file
    if key is None:
        return []
    return [("key", f"{key.path} ({'made, for your eyes alone: keep it' if key.new else 'taken as it was'})")]


def print_inspection(seen: Inspection, console: Console) -> None:
    """Show what `inspect` saw."""
    rows = [
        ("file", f"{seen.path} ({seen.size:,} bytes)"),
        ("sha256", seen.sha256),
        ("format", f"ONNX, IR {seen.ir_version}, " + ", ".join(f"{k} {v}" for k, v in seen.opsets.items())),
        ("producer", seen.producer or "not stated"),
        ("inputs", _named(seen.inputs)),
        ("outputs", _named(seen.outputs)),
        ("graph", f"{seen.operators} nodes, functions: {', '.join(seen.functions) or 'none'}"),
        ("head", "\n".join(f"{head.name} ({_parameters(head.attributes)})" for head in seen.heads) or _no_head(seen)),
        ("leak check", _verdict(seen.leaks)),
        ("draws", "\n".join(map(_draw, seen.leaks.draws)) or "none"),
        *_provenance_rows(seen),
    ]
    print_rows(rows, console)


def print_rows(rows: Iterable[Row], console: Console) -> None:
    """Show names and what stands behind them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))  # float32[batch] is no markup
    console.print(table)


def _parameters(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _named(types: dict[str, str]) -> str:
    return "\n".join(f"{name}: {kind}" for name, kind in types.items())


def _no_head(seen: Inspection) -> str:
    stated = seen.provenance
    return f"{stated.head}, flattened ({_parameters(stated.parameters)})" if stated else "none"


def _verdict(leaks: LeakReport) -> str:
    if leaks.passed:
        return "passed: every output is covered by the noise"
    reasons = [f"{name} is not covered by noise" for name in leaks.leaks]
    reasons += [f"a caller may replace {name}" for name in leaks.overridable]
    return "FAILED: " + ("; ".join(reasons) or "no output depends on the query")


def _draw(draw: Draw) -> str:
    life = "live" if draw.live else "dead: an optimiser may fold it"
    return f"{draw.operator} {draw.name}: {life}{', seeded: repeats in every session' if draw.seeded else ''}"


def _provenance_rows(seen: Inspection) -> list[Row]:
    stated = seen.provenance
    if stated is None:
        return [("provenance", "none: not made by this tool")]
    return [
        ("stated", f"{stated.head} ({_parameters(stated.parameters)}), noise {stated_noise(stated)}"),
        *([("label", "kept, by its own word")] if stated.keep_label else []),
        ("source", f"{stated.source_format}, sha256 {stated.source_sha256}"),
        ("made with", ", ".join(f"{name} {version}" for name, version in stated.versions.items())),
    ]


def print_validation(validation: "Validation", console: Console) -> None:
    """Show what `validate` found: the verdict first, then each check."""
    print_verdict(validation, console)
    table = Table("", "check", Column("what was seen", overflow="fold"), box=SIMPLE)
    for check in validation.checks:
        table.add_row(mark(check), check.name, escape(check.detail))
    console.print(table)


def print_verdict(validation: "Validation", console: Console) -> None:
    """Show whether a file passed, and how many checks it did not."""
    verdict = "[green]PASSED[/]" if validation.passed else "[red]FAILED[/]"
    unmet = [check for check in validation.checks if not check.passed]
    warnings = sum(check.warning for check in unmet)
    counts = f"{len(validation.checks)} checks, {len(unmet) - warnings} failed, {warnings} warnings"
    console.print(f"[bold]{verdict}[/]  {escape(validation.subject.deployed.name)}: {counts}")
    console.print(escape(f"against {validation.reference}, rows: {validation.data}"))


def mark(check: Check) -> str:
    """Mark a check, in colour."""
    if check.passed:
        return "[green]ok[/]"
    return "[yellow]warning[/]" if check.warning else "[red]FAILED[/]"
