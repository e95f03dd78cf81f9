"""A validation on a terminal, as JSON and as JUnit XML."""

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from dynanoise_export.printable import printable
from dynanoise_export.reports.junit import write_junit
from dynanoise_export.reports.validate_document import validate_document
from dynanoise_export.reports.validate_terminal import print_validation
from dynanoise_export.validation.check import Check, CheckCode, Outcome
from dynanoise_export.validation.validating import Validation
from support.benchmarks import made_model

HOSTILE = "[red]<&\"'.onnx"
# A check for each outcome.
CHECKS = (
    Check(CheckCode.WELL_FORMED, Outcome.PASSED, None, None, "All is well."),
    Check(CheckCode.NOISE_VARIANCE, Outcome.FAILED, 0.2, 0.1, "The variance is [bold] off."),
    Check(CheckCode.GRAPH_SEEN, Outcome.WARNING, None, None, "Nobody saw it."),
    Check(CheckCode.NOISE_AUDIT, Outcome.NOT_RUN, None, None, "Not run: no rows."),
    Check(CheckCode.KEPT_LABELS, Outcome.NOT_APPLICABLE, None, None, "Not applicable: no label."),
)


def made(checks=CHECKS, *, strict=False, name="defended.onnx"):
    model = made_model(name)
    return Validation(model, model.defence, Path("plain.onnx"), 32, "rows.npz, all rows", tuple(checks), strict)


def shown(validation):
    written = io.StringIO()
    print_validation(validation, Console(file=written, width=200, highlight=False))
    return written.getvalue()


def test_checks_that_were_not_made_for_one_reason_take_one_line():
    codes = (CheckCode.NOISE_MEAN, CheckCode.NOISE_VARIANCE, CheckCode.NOISE_AUDIT)
    checks = [Check(code, Outcome.NOT_RUN, None, None, "Not run: too few rows.") for code in codes]
    written = shown(made([CHECKS[0], *checks, CHECKS[1]]))
    assert written.count("too few rows") == 1
    assert all(check.name in written for check in checks)
    assert "3 checks" in written


def test_the_terminal_begins_with_the_verdict_and_counts_what_did_not_pass():
    first, second, *_ = shown(made()).splitlines()
    assert first == "FAILED  defended.onnx: 5 checks, 1 failed, 1 not run, 1 warnings"
    assert "plain.onnx" in second
    assert "rows.npz" in second
    assert shown(made(CHECKS[:1])).startswith("PASSED  defended.onnx: 1 checks, 0 failed, 0 not run, 0 warnings")


def test_the_terminal_has_a_row_for_each_check_and_takes_no_markup_from_outside():
    rows = [line for line in shown(made()).splitlines() if any(check.detail in line for check in CHECKS)]
    assert [check.name in row for check, row in zip(CHECKS, rows, strict=True)] == [True] * len(CHECKS)
    assert HOSTILE in shown(made(name=HOSTILE))


def test_the_document_gives_the_code_and_the_outcome_of_each_check():
    document = validate_document(made())
    assert document["schema"] == "dynanoise-export/validate/2"
    assert (document["defence"], document["passed"]) == ("dynanoise", False)
    assert document["checks"][1] == {
        "code": "noise-variance",
        "name": "noise variance",
        "outcome": "failed",
        "passed": False,
        "value": 0.2,
        "limit": 0.1,
        "detail": "The variance is [bold] off.",
    }
    outcomes = {check["outcome"]: check["passed"] for check in document["checks"]}
    assert outcomes == {"passed": True, "failed": False, "warning": False, "not-run": False, "not-applicable": True}


@pytest.mark.parametrize("strict", [False, True])
def test_junit_has_a_test_for_each_check_and_a_warning_fails_if_it_is_strict(tmp_path, strict):
    validation = made(strict=strict, name=HOSTILE)
    write_junit(validation, tmp_path / "x.xml")
    suite = ElementTree.parse(tmp_path / "x.xml").getroot().find("testsuite")
    kinds = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for case in suite.findall("testcase")
    }
    assert kinds == {
        "well-formed": [],
        "noise-variance": ["failure"],
        "graph-seen": ["failure" if strict else "skipped"],
        "noise-audit": ["failure"],
        "kept-labels": ["skipped"],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (
        "5",
        *(("3", "1") if strict else ("2", "2")),
    )
    assert {case.get("classname") for case in suite} == {HOSTILE}
    assert bool(int(suite.get("failures"))) is not validation.passed


FORGED = "x\x1b[2K\x0b\u202e\ufffe\udc80\n[green]ok[/] leak check"


def test_words_of_files_stay_words_on_the_terminal_and_in_xml(tmp_path):
    checks = (Check(CheckCode.NOISE_VARIANCE, Outcome.FAILED, 0.2, 0.1, f"The output {FORGED} leaks."), *CHECKS)
    validation = made(checks, name=FORGED)
    text = shown(validation)
    assert len(text.splitlines()) == len(shown(made((*CHECKS[:1], *CHECKS))).splitlines())
    assert printable(FORGED) in text.splitlines()[0]
    assert printable(text.replace("\n", "")) == text.replace("\n", "")
    write_junit(validation, tmp_path / "junit.xml")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert {case.get("classname") for case in suite} == {printable(FORGED)}
    assert suite[0][0].get("message") == f"The output {printable(FORGED)} leaks."
