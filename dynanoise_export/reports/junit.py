"""A validation, or the gates of an attack report, as JUnit XML, which CI servers show as tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.gates import GateOutcome
from dynanoise_export.files import written_whole
from dynanoise_export.printable import printable
from dynanoise_export.reports.gate_wording import gate_sentence
from dynanoise_export.validation.check import Check, Outcome
from dynanoise_export.validation.validating import Validation


class _Kind(StrEnum):
    """The elements that say that a test did not pass."""

    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class _Case:
    """A test: what it is called, what it says, and how it did not pass, if it did not."""

    name: str
    detail: str
    kind: _Kind | None


def write_junit(validation: Validation, path: Path) -> None:
    """Write one test case for each check, named by its code.

    A warning is a skipped test unless warnings fail, and so is a check that does not apply.

    Raises:
        FileAccessError: the file can't be written.
    """
    cases = [_Case(check.code, check.detail, _kind(check, strict=validation.strict)) for check in validation.checks]
    _write("dynanoise-export validate", validation.model.name, cases, path)


def write_gates_junit(report: AttackReport, path: Path) -> None:
    """Write one test case for each gate; without a gate, one that was skipped.

    Raises:
        FileAccessError: the file can't be written.
    """
    cases = [
        _Case(
            str(judged.gate),
            f"{gate_sentence(judged, report)}.",
            None if judged.outcome is GateOutcome.HELD else _Kind.FAILURE,
        )
        for judged in report.gates
    ]
    none = _Case("gates", "No gate was set: give --max-auc or --max-tpr.", _Kind.SKIPPED)
    _write("dynanoise-export attack", report.model.name, cases or [none], path)


def _write(command: str, model: str, cases: Sequence[_Case], path: Path) -> None:
    counts = {kind: str([case.kind for case in cases].count(kind)) for kind in _Kind}
    suite = ElementTree.Element(
        "testsuite",
        name=command,
        tests=str(len(cases)),
        failures=counts[_Kind.FAILURE],
        skipped=counts[_Kind.SKIPPED],
    )
    for case in cases:
        element = ElementTree.SubElement(suite, "testcase", classname=printable(model), name=printable(case.name))
        if case.kind is not None:
            ElementTree.SubElement(element, case.kind, message=printable(case.detail))
        ElementTree.SubElement(element, "system-out").text = printable(case.detail)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    with written_whole(path) as staged:
        ElementTree.ElementTree(root).write(staged, encoding="utf-8", xml_declaration=True)


def _kind(check: Check, *, strict: bool) -> _Kind | None:
    """Name the element that says that a test did not pass, or None for one that did."""
    if check.outcome is Outcome.PASSED:
        return None
    lenient = check.outcome is Outcome.NOT_APPLICABLE or (check.outcome is Outcome.WARNING and not strict)
    return _Kind.SKIPPED if lenient else _Kind.FAILURE
