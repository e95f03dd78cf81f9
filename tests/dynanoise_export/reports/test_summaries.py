"""What travels with a model, read back by those it is for: the hub's library, CycloneDX's validator."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard

from dynanoise_export.attacks.audit_warnings import AuditWarning, WarningCode
from dynanoise_export.attacks.gates import Gate, GateOutcome, JudgedGate
from dynanoise_export.errors import FileAccessError, FormatError, MissingPackageError
from dynanoise_export.files import sha256
from dynanoise_export.printable import printable
from dynanoise_export.reports.junit import write_gates_junit
from dynanoise_export.reports.summaries.attack_summary import attack_summary
from dynanoise_export.reports.summaries.ml_bom import require_ml_bom, write_ml_bom
from dynanoise_export.reports.summaries.model_card import require_model_card, write_model_card
from dynanoise_export.reports.summaries.validate_summary import validate_summary
from dynanoise_export.validation.check import Check, CheckCode, Outcome
from dynanoise_export.validation.tolerance import FLOAT32
from dynanoise_export.validation.validating import Validation
from support.benchmarks import STATED, made_model

HOSTILE = "x\n---\n<!-- dynanoise-export attack: end -->| `b` [c](d) \u202e'\": *e*\udc80.onnx"
CARD = """---
license: mit  # of the weights
model-index:
# measured by hand
- name: my-model
  results:
  - task: {type: image-classification}
    dataset: {type: beans, name: Beans}
    metrics: [{type: accuracy, value: 0.9}]
tags:
- vision
---
# My model

Words, and a table.
"""


@pytest.fixture
def summary(quick_report):
    return attack_summary(quick_report)


@pytest.fixture
def validation():
    model = made_model("made/defended.onnx", provenance=replace(STATED, key="0123456789abcdef"))
    checks = (
        Check(CheckCode.WELL_FORMED, Outcome.PASSED, None, None, "All is well."),
        Check(CheckCode.NOISE_VARIANCE, Outcome.FAILED, 0.2, 0.1, "It is off, unlike made/plain.onnx."),
    )
    return Validation(model, model.defence, Path("made/plain.onnx"), 32, "rows.npz, all rows", FLOAT32, checks, False)


def card_of(summary, path):
    write_model_card(summary, path)
    return ModelCard.load(path)


def figures_of(card):
    return {one.metric_type: one for one in card.data.eval_results if one.dataset_type == "dynanoise-export-bundle"}


def test_the_hub_reads_the_figures_of_a_new_card_with_their_intervals(summary, quick_report, tmp_path):
    card, worst = card_of(summary, tmp_path / "README.md"), quick_report.worst
    figures = figures_of(card)
    assert figures["auc"].metric_value == pytest.approx(worst.auc.value, abs=1e-6)
    assert figures["auc"].metric_args["low"] == pytest.approx(worst.auc.low, abs=1e-6)
    assert figures["auc"].metric_args["high"] == pytest.approx(worst.auc.high, abs=1e-6)
    assert figures["accuracy"].metric_value == pytest.approx(quick_report.utility.accuracy.value, abs=1e-6)
    assert figures["auc"].dataset_revision == quick_report.audit.sha256
    assert card.data.model_name == quick_report.model.short_name
    assert quick_report.model.sha256 in card.text
    for value in quick_report.defence.parameters.values():
        assert f"{value:g}" in card.text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "before",
    [
        CARD,
        CARD.replace("model-index:", "other:").replace("name: my-model", "name: no"),
        "---\nlicense: mit\n---\n",
        "# No metadata",
        "",
        "---\n# nothing\n---\nText\n",
        CARD.replace("- name: my", "  - name: my").replace("  results:\n  - task", "    results:\n    - task")
        .replace("    dataset:", "      dataset:").replace("    metrics:", "      metrics:"),
    ],
    ids=["index", "no-index", "short", "no-metadata", "empty", "comment", "indented"],
)  # fmt: skip
def test_all_else_in_a_card_stays_byte_for_byte(summary, validation, tmp_path, before, newline):
    path, before = tmp_path / "README.md", before.replace("\n", newline).encode()
    path.write_bytes(before)
    require_model_card(path)
    card = card_of(summary, path)
    once = path.read_bytes()
    left = iter(once.splitlines(keepends=True))
    assert all(any(line.strip() == kept.strip() for kept in left) for line in before.splitlines(keepends=True))
    assert (b"\r\n" in once) == (b"\r\n" in before)
    if b"\r\n" in before:
        assert b"\n" not in once.replace(b"\r\n", b"")
    assert figures_of(card)
    if before:
        old = ModelCard(before.decode(), ignore_metadata_errors=True)
        others = [one for one in card.data.eval_results if one.dataset_type != "dynanoise-export-bundle"]
        assert others == (old.data.eval_results or [])
        assert {name: value for name, value in card.data.to_dict().items() if name != "model-index"} == {
            name: value for name, value in old.data.to_dict().items() if name != "model-index"
        }
        assert old.data.model_name in (None, card.data.model_name)
    write_model_card(summary, path)
    assert path.read_bytes() == once
    write_model_card(validate_summary(validation), path)
    write_model_card(validate_summary(validation), path)
    both = path.read_bytes()
    assert both.startswith(once)
    assert both.count(b"begin -->") == both.count(b"end -->") == 2
    changed = replace(summary, figures=summary.figures[:1])
    assert list(figures_of(card_of(changed, path))) == ["auc"]
    write_model_card(summary, path)
    assert path.read_bytes() == both


def test_a_card_that_the_hub_rewrote_is_edited_as_well(summary, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(CARD)
    card = card_of(summary, path)
    card.save(path)
    assert len(card_of(summary, path).data.eval_results) == len(summary.figures) + 1


@pytest.mark.parametrize(
    "content",
    [
        b"---\nlicense: mit\n",
        b"---\na: &x [1]\nb: *x\n---\n",
        b"---\n{license: mit}\n---\n",
        b"---\nmodel-index: [{name: x, results: []}]\n---\n",
        b"---\nmodel-index: none\n---\n",
        b"---\nmodel-index:\n- name: x\n  results: [{dataset: {type: dynanoise-export-bundle}}, 5]\n---\n",
        b"---\n- a\n- b\n---\n",
        b"---\na: b: c\n---\n",
        b"---\na: [\n---\n",
        b"---\nwhen: 2024-13-45\n---\n",
        b"\xff\xfe",
        b"\xef\xbb\xbf---\na: b\n---\n",
        b"<!-- dynanoise-export attack: begin -->",
        b"<!-- dynanoise-export attack: end --><!-- dynanoise-export attack: begin -->",
        b"<!-- dynanoise-export tune: end -->",
    ],
)
def test_a_card_that_can_t_be_edited_is_refused_before_the_work_and_left_alone(summary, tmp_path, content):
    path = tmp_path / "README.md"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        require_model_card(path)
    if b"tune" not in content:
        with pytest.raises(FormatError):
            write_model_card(summary, path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_card(tmp_path):
    with pytest.raises(FileAccessError):
        require_model_card(tmp_path)


@pytest.fixture
def hostile(quick_report):
    warning = AuditWarning(WarningCode.FEW_SHADOW_MODELS, f"Beware of {HOSTILE}.")
    return attack_summary(
        replace(
            quick_report,
            model=replace(quick_report.model, name=HOSTILE),
            audit=replace(quick_report.audit, path=Path(HOSTILE)),
            warnings=(*quick_report.warnings, warning),
        )
    )


def test_hostile_names_stay_names(hostile, tmp_path):
    path = tmp_path / "README.md"
    card = card_of(hostile, path)
    assert card.data.model_name == printable(Path(HOSTILE).name)
    text = path.read_text("utf-8")
    assert card.text.count("attack: begin -->") == card.text.count("attack: end -->") == 1
    assert printable(text.replace("\n", "")) == text.replace("\n", "")
    write_model_card(hostile, path)
    assert path.read_text("utf-8") == text
    assert strict(hostile, tmp_path)["components"][0]["name"] == printable(Path(HOSTILE).name)


def strict(summary, tmp_path):
    """Write a bill of materials, and read it if CycloneDX's strict validator takes it."""
    write_ml_bom(summary, tmp_path / "bom.json")
    text = (tmp_path / "bom.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return json.loads(text)


def test_the_bill_of_materials_has_the_model_its_defence_and_the_audit(summary, quick_report, tmp_path):
    document = strict(summary, tmp_path)
    (component,) = document["components"]
    assert component["type"] == "machine-learning-model"
    assert component["hashes"] == [{"alg": "SHA-256", "content": sha256(Path(quick_report.model.name))}]
    properties = {one["name"]: one["value"] for one in component["properties"]}
    assert all(name.startswith("dynanoise:") for name in properties)
    assert properties["dynanoise:defence"] == quick_report.defence.name
    for name, value in quick_report.defence.parameters.items():
        assert float(properties[f"dynanoise:defence:{name}"]) == pytest.approx(value, rel=1e-8)
    assert properties["dynanoise:audit:budget"] == "1"
    assert properties["dynanoise:audit:bundle-sha256"] == quick_report.audit.sha256
    assert properties["dynanoise:audit:verdict"] == "no verdict"
    metrics = {one["type"]: one for one in component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    assert float(metrics["auc"]["value"]) == pytest.approx(quick_report.worst.auc.value, abs=1e-5)
    ends = metrics["auc"]["confidenceInterval"]
    assert float(ends["lowerBound"]) == pytest.approx(quick_report.worst.auc.low, abs=1e-5)
    assert float(ends["upperBound"]) == pytest.approx(quick_report.worst.auc.high, abs=1e-5)
    assert Bom.from_json(document).components[0].name == quick_report.model.short_name
    assert strict(summary, tmp_path) == document  # no date, no random number


def test_a_digest_of_several_files_is_not_given_as_that_of_one(summary, tmp_path):
    component = strict(replace(summary, sha256="0" * 64), tmp_path)["components"][0]
    assert "hashes" not in component


def test_a_validation_travels_with_its_checks_and_without_paths_and_key(validation, tmp_path):
    summary = validate_summary(validation)
    document = strict(summary, tmp_path)
    properties = {one["name"]: one["value"] for one in document["components"][0]["properties"]}
    assert properties["dynanoise:validation:verdict"] == "failed"
    assert properties["dynanoise:validation:check:noise-variance"] == "failed"
    card = card_of(summary, tmp_path / "README.md")
    assert "FAILED: noise variance" in card.text
    for text in (json.dumps(document), (tmp_path / "README.md").read_text()):
        assert "made/" not in text
        assert "0123456789abcdef" not in text


@pytest.mark.parametrize(("missing", "check"), [("yaml", require_model_card), ("cyclonedx", require_ml_bom)])
def test_without_a_package_it_says_what_to_install(missing, check, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("dynanoise_export.packages.find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(MissingPackageError, match=r"\[report\]"):
        check(*((tmp_path / "README.md",) if check is require_model_card else ()))


def test_junit_has_a_test_for_each_gate_or_one_that_was_skipped(quick_report, tmp_path):
    worst = quick_report.worst
    gates = [
        JudgedGate(Gate(limit), outcome, worst, worst.auc.high, 0.01)
        for limit, outcome in ((1.0, GateOutcome.HELD), (0.5, GateOutcome.EXCEEDED), (0.6, GateOutcome.TOO_NEAR))
    ]
    model = replace(quick_report.model, name=HOSTILE)
    for report, counts, kinds in (
        (replace(quick_report, gates=tuple(gates), model=model), ("3", "2", "0"), [None, "failure", "failure"]),
        (quick_report, ("1", "0", "1"), ["skipped"]),
    ):
        write_gates_junit(report, tmp_path / "x.xml")
        suite = ElementTree.parse(tmp_path / "x.xml").getroot()[0]
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == counts
        found = [next((child.tag for child in case if child.tag != "system-out"), None) for case in suite]
        assert found == kinds
        assert {case.get("classname") for case in suite} == {printable(report.model.name)}
