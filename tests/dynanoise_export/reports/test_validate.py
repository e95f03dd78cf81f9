"""A validation on a terminal, as JSON and as JUnit XML."""

import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from dynanoise_export.printable import printable
from dynanoise_export.reports.html.validate_page import write_validate_html
from dynanoise_export.reports.junit import write_junit
from dynanoise_export.reports.validate_document import validate_document
from dynanoise_export.reports.validate_terminal import print_validation
from dynanoise_export.runtimes.provider import Execution, Provider
from dynanoise_export.validation.check import Check, CheckCode, Outcome
from dynanoise_export.validation.tolerance import FLOAT32, IN_TF32
from dynanoise_export.validation.validating import Validation
from support.benchmarks import made_model
from support.pages import Page

HOSTILE = "[red]<&\"'.onnx"
# A check for each outcome.
CHECKS = (
    Check(CheckCode.WELL_FORMED, Outcome.PASSED, None, None, "All is well."),
    Check(CheckCode.NOISE_VARIANCE, Outcome.FAILED, 0.2, 0.1, "The variance is [bold] off."),
    Check(CheckCode.GRAPH_SEEN, Outcome.WARNING, None, None, "Nobody saw it."),
    Check(CheckCode.NOISE_AUDIT, Outcome.NOT_RUN, None, None, "Not run: no rows."),
    Check(CheckCode.KEPT_LABELS, Outcome.NOT_APPLICABLE, None, None, "Not applicable: no label."),
)


def made(checks=CHECKS, *, strict=False, name="defended.onnx", tolerance=FLOAT32):
    model = made_model(name)
    rows = (32, "rows.npz, all rows", tolerance)
    return Validation(model, model.defence, Path("plain.onnx"), *rows, tuple(checks), strict)


def on_gpu(validation, **options):
    endpoint = replace(validation.model.endpoint, execution=Execution(Provider.CUDA, **options))
    return replace(validation, model=replace(validation.model, endpoint=endpoint))


def test_on_a_gpu_the_setting_and_the_tolerances_are_named():
    assert "TF32" not in shown(made())
    assert "cuda: TF32 off, cudnn_conv_algo_search DEFAULT; logits may differ by 0.0001 + 1e-05" in shown(
        on_gpu(made())
    )
    with_tf32 = on_gpu(made(tolerance=IN_TF32), tf32=True)
    assert "cuda: TF32 on, cudnn_conv_algo_search DEFAULT; logits may differ by 0.05 + 0.001" in shown(with_tf32)
    document = validate_document(with_tf32)
    assert document["tolerance"] == {"atol": 0.05, "rtol": 0.001}
    assert (document["execution"]["provider"], document["execution"]["tf32"]) == ("cuda", True)


@pytest.mark.parametrize(
    ("validation", "text"),
    [
        (made(), "ONNX Runtime on the CPU"),
        (on_gpu(made(), tf32=True), "ONNX Runtime with cuda: TF32 on, cudnn_conv_algo_search DEFAULT"),
        (on_gpu(made(), operators=True), "DEFAULT, the defence by the kernels of the operators"),
    ],
)
def test_the_page_says_what_ran_the_model(validation, text, tmp_path):
    write_validate_html(validation, tmp_path / "page.html")
    assert text in Page(tmp_path / "page.html").text


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


@pytest.fixture
def page(tmp_path):
    """Give a function that writes the page of a validation and reads it."""

    def write(validation):
        write_validate_html(validation, tmp_path / "validation.html")
        assert [path.name for path in tmp_path.iterdir()] == ["validation.html"]
        return Page(tmp_path / "validation.html")

    return write


@pytest.mark.parametrize(("checks", "strict"), [(CHECKS, False), (CHECKS[::2], False), (CHECKS[::2], True)])
def test_the_page_begins_with_the_verdict_and_its_reasons(page, checks, strict):
    validation = made(checks, strict=strict)
    text = page(validation).text.partition("On this page")[0]
    assert ("Failed: " in text) is not validation.passed
    assert ("Passed: " in text) is validation.passed
    for check in checks:
        fails = check.outcome in (Outcome.FAILED, Outcome.NOT_RUN) or (strict and check.outcome is Outcome.WARNING)
        assert (check.detail in text) is fails


def test_the_page_has_every_check_with_its_figures_and_no_script(page):
    made_page = page(made())
    for check in CHECKS:
        assert check.name in made_page.text
        assert check.detail in made_page.text
    assert " 0.2 0.1 " in made_page.text
    assert ("span", "200%") in [(tag, attributes.get("title")) for tag, attributes in made_page.elements]
    assert not made_page.scripts
    for tag, attributes in made_page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert attributes.get("href", "#").startswith("#")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0, 3e5, None])
def test_the_page_shows_any_figure(page, value):
    check = Check(CheckCode.NOISE_MEAN, Outcome.FAILED, value, None if value is None else 0.1, "Found.")
    assert "None" not in page(made([check])).text


def test_hostile_words_stay_words_on_the_page(page):
    hostile = '"><script>alert(1)</script><h2>x</h2>\u202e'
    check = Check(CheckCode.NOISE_VARIANCE, Outcome.FAILED, 0.2, 0.1, f"The output {hostile} leaks.")
    usual = page(made((replace(check, detail="x"),)))
    validation = replace(made((check,), name=hostile), reference=Path(hostile), data=hostile)
    shown = page(validation)
    assert len(shown.elements) == len(usual.elements)
    assert shown.text.count("\\u202e") >= 5
    assert "\u202e" not in shown.source
