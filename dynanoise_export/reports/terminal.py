"""Results as tables on a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from dynanoise_export.exporting import Exported
from dynanoise_export.graph.leaks import Draw, LeakReport
from dynanoise_export.inspecting import Inspection
from dynanoise_export.validation.check import Check

if TYPE_CHECKING:  # these import PyTorch, which the other tables can do without
    from dynanoise_export.demonstration import Demonstration
    from dynanoise_export.validation.suite import Validation

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
        ("noise", exported.provenance.noise),
        ("checked", "no leak, ONNX checker, opened and run in ONNX Runtime"),
        ("sha256", exported.sha256),
    ]
    _print(rows, console)


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
    _print(rows, console)


def _print(rows: Iterable[Row], console: Console) -> None:
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
        ("stated", f"{stated.head} ({_parameters(stated.parameters)}), noise {stated.noise}"),
        ("source", f"{stated.source_format}, sha256 {stated.source_sha256}"),
        ("made with", ", ".join(f"{name} {version}" for name, version in stated.versions.items())),
    ]


def print_validation(validation: "Validation", console: Console) -> None:
    """Show what `validate` found: the verdict first, then each check."""
    _print_verdict(validation, console)
    table = Table("", "check", Column("what was seen", overflow="fold"), box=SIMPLE)
    for check in validation.checks:
        table.add_row(_mark(check), check.name, escape(check.detail))
    console.print(table)


def print_demonstration(shown: "Demonstration", console: Console) -> None:
    """Show what the demonstration made, and what the model answers with and without the defence."""
    console.print("\n[bold]1. A model that knows its training data by heart, and its defended file[/]")
    print_exported(shown.exported, console)

    console.print("\n[bold]2. Is it what it is said to be[/]")
    _print_verdict(shown.validation, console)
    for check in shown.validation.checks:
        if not check.passed:
            console.print(f"{_mark(check)}  {check.name}: {escape(check.detail)}")

    console.print("\n[bold]3. Accuracy, plain and defended[/]")
    accuracies = Table("", Column("members", justify="right"), Column("non-members", justify="right"), box=SIMPLE)
    for name, (members, others) in shown.accuracies.items():
        accuracies.add_row(name, f"{members:.3f}", f"{others:.3f}")
    console.print(accuracies)

    console.print("[bold]4. The same member, asked again and again[/]")
    asked = [Column(f"defended, {turn}", justify="right") for turn in range(1, len(shown.defended) + 1)]
    answers = Table("digit", Column("without", justify="right"), *asked, box=SIMPLE)
    for digit, plain in enumerate(shown.plain):
        answers.add_row(str(digit), f"{plain:.3f}", *(f"{p:.3f}" for p in shown.defended[:, digit]))
    console.print(answers)

    console.print("[bold]5. Where it lies[/]")
    files = [
        ("the model", str(shown.checkpoint)),
        ("members and non-members", str(shown.bundle)),
        ("the defended file", str(shown.exported.path)),
        ("look into it", f"dynanoise-export inspect {shown.exported.path}"),
        (
            "validate it",
            f"dynanoise-export validate {shown.exported.path} --reference {shown.checkpoint} --data {shown.bundle}",
        ),
    ]
    _print(files, console)


def _print_verdict(validation: "Validation", console: Console) -> None:
    verdict = "[green]PASSED[/]" if validation.passed else "[red]FAILED[/]"
    unmet = [check for check in validation.checks if not check.passed]
    warnings = sum(check.warning for check in unmet)
    counts = f"{len(validation.checks)} checks, {len(unmet) - warnings} failed, {warnings} warnings"
    console.print(f"[bold]{verdict}[/]  {escape(str(validation.subject.path))}: {counts}")
    console.print(escape(f"against {validation.reference}, rows: {validation.data}"))


def _mark(check: Check) -> str:
    if check.passed:
        return "[green]ok[/]"
    return "[yellow]warning[/]" if check.warning else "[red]FAILED[/]"
