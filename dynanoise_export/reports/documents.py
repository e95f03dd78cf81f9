"""Results as JSON documents, in the form that DESIGN calls a report."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import Exported
from dynanoise_export.files import written_whole
from dynanoise_export.graph.leaks import LeakReport
from dynanoise_export.graph.provenance import tool_versions
from dynanoise_export.inspecting import Inspection

if TYPE_CHECKING:  # it imports PyTorch, which the other documents can do without
    from dynanoise_export.validation.validating import Validation

Document = dict[str, Any]


def export_document(exported: Exported) -> Document:
    """Tell what `export` made."""
    target = exported.target
    return header("export", exported.path, exported.sha256, exported.provenance.parameters, passed=True) | {
        "head": exported.provenance.head,
        "noise": exported.provenance.noise,
        "key": exported.provenance.key,
        "grids": list(exported.provenance.grids),
        "keep_label": exported.provenance.keep_label,
        "source": {"path": str(target.path), "format": target.format, "sha256": target.sha256},
        "inputs": [{"name": s.name, "dtype": s.dtype, "shape": list(s.shape)} for s in target.inputs],
        "classes": target.classes,
        "logits": exported.logits,
        "dropped": list(exported.dropped),
    }


def inspection_document(seen: Inspection) -> Document:
    """Tell what `inspect` saw; `passed` says whether the file gives defended answers and nothing else."""
    parameters = seen.provenance.parameters if seen.provenance else None
    return header("inspect", seen.path, seen.sha256, parameters, passed=seen.leaks.passed) | {
        "size": seen.size,
        "ir_version": seen.ir_version,
        "producer": seen.producer,
        "opsets": seen.opsets,
        "inputs": seen.inputs,
        "outputs": seen.outputs,
        "operators": seen.operators,
        "functions": list(seen.functions),
        "heads": [dataclasses.asdict(head) for head in seen.heads],
        "leaks": _leaks(seen.leaks),
        "provenance": dataclasses.asdict(seen.provenance) if seen.provenance else None,
    }


def validation_document(validation: "Validation") -> Document:
    """Tell what `validate` found."""
    subject = validation.subject
    parameters = DynaNoise(subject.parameters).parameters_dict()
    return header("validate", subject.deployed.name, subject.deployed.sha256, parameters, passed=validation.passed) | {
        "strict": validation.strict,
        "reference": str(validation.reference),
        "rows": validation.rows,
        "data": validation.data,
        "checks": [dataclasses.asdict(check) for check in validation.checks],
    }


def header(
    command: str, path: Path | str, digest: str | None, parameters: dict[str, float] | None, *, passed: bool
) -> Document:
    """Give what every command's document begins with."""
    return {
        "schema": f"dynanoise-export/{command}/1",
        "tool": tool_versions(),
        "subject": {"path": str(path), "sha256": digest, "parameters": parameters},
        "passed": passed,
    }


def write_document(document: Document, path: Path) -> None:
    """Write a document to a file, or to standard output for the path `-`."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    if str(path) == "-":
        print(text)
        return
    with written_whole(path) as staged:
        staged.write_text(text + "\n", encoding="utf-8")


def _leaks(report: LeakReport) -> Document:
    return {
        "passed": report.passed,
        "leaking_outputs": list(report.leaks),
        "defended_outputs": list(report.noised),
        "overridable_weights": list(report.overridable),
        "draws": [dataclasses.asdict(draw) for draw in report.draws],
    }
