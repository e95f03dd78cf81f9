import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.audit_warnings import AuditWarning, WarningCode
from dynanoise_export.attacks.gates import Gate, GateOutcome
from dynanoise_export.attacks.judging import judge
from dynanoise_export.attacks.metrics.roc import curve
from dynanoise_export.attacks.part_results import PartResults
from dynanoise_export.attacks.results import FPRS, ThresholdOrigin, strongest
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import FileAccessError, MissingPackageError
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_gates import most_exposed
from dynanoise_export.reports.html.attack_page import write_html
from dynanoise_export.reports.html.rendering import require_report
from support.exposed import ESTIMATES, with_canaries
from support.pages import Page, decoded
from support.query_plans import HOSTILE as HOSTILE_READING

HOSTILE = '"><script>alert(1)<script>&.onnx'


@pytest.fixture
def report(whole_report):
    return whole_report


@pytest.fixture
def alone(quick_report):
    return quick_report


@pytest.fixture(autouse=True)
def plotly(request, monkeypatch):
    """Leave the megabytes of plotly.js out, unless a test looks at them."""
    if "whole" not in request.fixturenames:
        monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")


@pytest.fixture
def whole():
    """Let the page hold plotly.js."""


def between(page, first, last):
    """Give the text from one heading to another; the contents name both first."""
    _, _, sections = page.text.partition(" ".join(page.links))
    return sections[sections.index(first) : sections.index(last)]


def written(report, tmp_path) -> Page:
    path = tmp_path / "report.html"
    write_html(report, path)
    assert list(tmp_path.iterdir()) == [path]
    return Page(path)


def test_it_says_what_ran_the_model(report, tmp_path):
    assert "Run by ONNX Runtime on the CPU" in written(report, tmp_path).text


def test_it_needs_no_other_file(report, tmp_path, whole):
    page = written(report, tmp_path)
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "srcset"} & attributes.keys()
        assert attributes.get("href", "#").startswith("#")
    outside = re.sub(r"<script>.*?</script>", "", page.source, flags=re.DOTALL)
    assert "http://" not in outside
    assert "https://" not in outside
    assert "@import" not in outside
    assert "url(" not in outside
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert page.source.count("plotly.js v") == 1


def test_it_begins_with_the_worst_attack_and_its_figures(report, tmp_path):
    page, worst = written(report, tmp_path), report.worst
    plain = report.without_defence(worst)
    assert f"The worst attack is {worst.attack.name} ({worst.attacker.name})" in page.text
    for interval in (worst.auc, plain.auc):
        assert f"{interval.value:.3f}" in page.text
        assert f"[{interval.low:.3f}, {interval.high:.3f}]" in page.text
    assert f"{report.utility.accuracy.value:.1%}" in page.text
    assert f"{report.plain_utility.accuracy.value:.1%}" in page.text
    assert f"{report.utility.calibration_error:.3f}, was {report.plain_utility.calibration_error:.3f}" in page.text
    for name in ("negative_log_likelihood", "brier_score"):
        own, other = getattr(report.utility, name), getattr(report.plain_utility, name)
        assert f"{own}, was {other}" in page.text


def test_it_names_the_attack_that_exceeds_a_gate(report, tmp_path):
    page, exceeded = written(report, tmp_path), report.gates_exceeded[0]
    assert f"AUC 0.5, for up to 16 queries for each row, any input: {exceeded.result.attack.name}" in page.text
    assert f"{exceeded.high:.4f}" in page.text


def test_the_first_screen_says_failed_passed_or_that_no_gate_was_set(report, tmp_path):
    def before(report):
        text = written(report, tmp_path).text
        return text[: text.index("The worst attack")]

    held = replace(report.gates[0], gate=Gate(1.0), outcome=GateOutcome.HELD)
    near = replace(report.gates[0], outcome=GateOutcome.TOO_NEAR)
    words = [("Failed:" in text, "Passed" in text, "No verdict: no gate" in text) for text in map(before, (
        report, replace(report, gates=(held,)), replace(report, gates=(near,)), replace(report, gates=()),
    ))]  # fmt: skip
    assert words == [(True, False, False), (False, True, False), (True, False, False), (False, False, True)]
    for gates in (report.gates, (held,), ()):
        text = before(replace(report, gates=gates))
        assert "8 shadow models" in text
        assert report.worst.attack.name in text
    both = before(replace(report, gates=(*report.gates, held)))
    assert both.count("FAILED") == 1
    assert both.count("PASSED") == 1
    assert f"costs {100 * report.cost.accuracy_lost.value + 0:.1f}".replace("-", "\N{MINUS SIGN}") in both


def test_the_most_exposed_members_classes_and_groups_are_listed(report, tmp_path):
    group = np.where(np.arange(len(report.audit)) % 2 == 0, "<b>even</b>", "odd\u202e")
    part = replace(report.by_class.parts[0], name="<b>even</b>")
    grouped = replace(report, audit=replace(report.audit, group=group), by_group=PartResults((part,) * 30, too_small=4))
    page = written(grouped, tmp_path)
    text = between(page, "Which rows are at risk", "How to read this report")
    first = most_exposed(report)[0]
    assert f"{first['row']} {first['label']} " in text
    assert text.count("<b>even</b>") >= 20
    assert "By class" in text
    assert "30 groups are many comparisons" in text
    assert "4 groups with fewer" in text
    assert "\u202e" not in page.source
    assert "By group" not in written(report, tmp_path).text


def exposed_section(page):
    return between(page, "The most exposed rows", "Which rows are at risk")


def test_the_most_exposed_rows_have_a_section_with_their_figures(report, tmp_path):
    text, exposed = exposed_section(written(report, tmp_path)), report.exposed
    assert "Shadow models chose" in text
    assert f" {exposed.members} {exposed.non_members} {exposed.auc.value:.3f} [{exposed.auc.low:.3f}, " in text
    assert f" {exposed.epsilon:.2f} " in text
    assert "FPR" not in text  # of so few rows
    text = exposed_section(written(with_canaries(report), tmp_path))
    assert "The bundle has canaries" in text
    assert "TPR at 1% FPR" in text
    assert " 1,021 980 0.913 [0.900, 0.930] 25.1% " in text
    assert " 1.38 " in text


def test_without_shadow_models_the_section_has_estimates_and_what_they_suppose(alone, tmp_path):
    assert "The most exposed rows" not in written(alone, tmp_path).text
    text = exposed_section(written(replace(alone, estimates=ESTIMATES), tmp_path))
    assert re.search(r"68\.9% \[60\.0%?, 77\.0%\] at 1% FPR, 41\.2% .* at 0\.1% FPR", text)
    assert "a first thing holds" in text
    assert "ε" not in text


def test_every_warning_stands_before_the_plots(report, tmp_path):
    hostile = AuditWarning(WarningCode.FEW_SHADOW_MODELS, "Beware of <b>this</b>.")
    page = written(replace(report, warnings=(*report.warnings, hostile)), tmp_path)
    before = page.text[: page.text.index("ROC curves")]
    assert report.warnings
    assert all(warning.text in before for warning in (*report.warnings, hostile))


def test_every_result_is_in_the_tables(report, tmp_path):
    page = written(report, tmp_path)
    titles = [attributes.get("title") or "" for tag, attributes in page.elements if tag == "td"]
    for result in [*report.results, *report.without]:
        name = f"{result.attack.name} ({result.attacker.name}): {result.auc.value:.4f}"
        assert any(title.startswith(name) for title in titles) == (not result.attacker.plan)
    assert page.source.count("<br><span class=") == len(report.results)


def test_the_budgets_stand_in_a_plot_and_in_a_table(report, tmp_path):
    page = written(report, tmp_path)
    lines = page.figures()[0]["data"]
    assert [line["name"] for line in lines] == ["strongest", "inside the domain box", "labels alone"]
    for line, name in zip(lines, ("strongest", "inside", "labels"), strict=True):
        results = [getattr(point, name) for point in report.curve]
        assert decoded(line["x"]).tolist() == [1, 4, 16]
        np.testing.assert_allclose(decoded(line["y"]), [result.auc.value for result in results])
        highs = decoded(line["y"]) + decoded(line["error_y"]["array"])
        lows = decoded(line["y"]) - decoded(line["error_y"]["arrayminus"])
        np.testing.assert_allclose(highs, [result.auc.high for result in results])
        np.testing.assert_allclose(lows, [result.auc.low for result in results])
    text = between(page, "What more queries buy", "Query plans")
    assert f"Labels alone give an AUC of {report.label_floor.auc.value:.3f} with up to 16 queries" in text
    assert text.count("inside the domain box") == 1 + len(report.curve)  # in the legend, and for each budget
    for point in report.curve:
        assert point.labels.attacker.name in text


def test_the_plane_has_the_undefended_model_and_the_defended_one_for_each_budget(report, tmp_path):
    plain, *defended, labels = written(report, tmp_path).figures()[1]["data"]
    assert decoded(plain["x"]) == [report.plain_utility.accuracy.value]
    assert decoded(plain["y"]) == [strongest(report.without).auc.value]
    assert [decoded(mark["y"])[0] for mark in defended] == [point.strongest.auc.value for point in report.curve]
    assert decoded(labels["y"]) == [report.label_floor.auc.value]
    for mark in (*defended, labels):
        accuracy = report.utility.accuracy
        assert decoded(mark["x"]) == [accuracy.value]
        assert decoded(mark["error_x"]["array"])[0] == pytest.approx(accuracy.high - accuracy.value)
        assert decoded(mark["error_x"]["arrayminus"])[0] == pytest.approx(accuracy.value - accuracy.low)


def test_the_contents_lead_to_every_section(report, tmp_path):
    page = written(report, tmp_path)
    places = [attributes.get("id") for tag, attributes in page.elements if tag == "h2"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == [f"#{place}" for place in places if place]
    assert len(set(links)) == len(links) > 10


def test_each_reading_has_a_row_and_a_fusion_names_its_parts(report, tmp_path):
    doubled = next(result for result in report.results if result.attacker.name == HOSTILE_READING)
    fused = replace(doubled.attacker, name="fusion of 2 readings", plan="fusion", parts=(HOSTILE_READING, "the row"))
    page = written(replace(report, results=(*report.results, replace(doubled, attacker=fused))), tmp_path)
    text = between(page, "Query plans", "The strongest attack of each attacker")
    shown = HOSTILE_READING.replace("\u202e", "\\u202e")
    for name in ("4 answers averaged", "labels of neighbours", f"fusion of 2 readings {shown} the row"):
        assert name in text
    assert text.count(shown) == 2
    assert "<b>s" not in page.source
    assert "\u202e" not in page.source


def test_an_attacker_outside_the_domain_is_told_from_the_strongest_inside(report, tmp_path):
    doubled = next(result for result in report.results if result.attacker.name == HOSTILE_READING)
    best = replace(doubled, auc=Interval(0.99, 0.98, 1.0))
    text = written(replace(report, results=(*report.results, best)), tmp_path).text
    inside = report.curve[-1].inside
    assert "with 1 query for each row, outside the domain of the rows (box)" in text
    assert f"The worst attack inside the domain is {inside.attack.name} ({inside.attacker.name})" in text
    assert "The worst attack inside the domain" not in written(report, tmp_path).text


def test_curves_are_those_of_the_scores_with_few_points(report, tmp_path):
    drawn = written(report, tmp_path).figures()[2]["data"]
    names = [trace.get("name", "") for trace in drawn]
    expected = ["", "without the defence", "naive", "adaptive, 1 answer", "adaptive, 16 answers averaged"]
    assert [name.split(", AUC")[0] for name in names][:5] == expected
    assert any(report.worst.attacker.name in name for name in names)
    of_rows = strongest([result for result in report.results if not result.attacker.plan])
    whole = curve(report.without_defence(of_rows).scores, report.audit.member[report.audit.judged])
    fpr, tpr = (decoded(drawn[1][axis]) for axis in "xy")
    assert len(fpr) <= 300
    assert fpr[0] == pytest.approx(1 / report.audit.non_members)
    expected = np.interp(fpr * whole.non_members, whole.false_positives, whole.true_positives) / whole.members
    np.testing.assert_allclose(tpr[expected > 0], expected[expected > 0])


def test_the_bars_of_each_side_sum_to_1_in_common_bins(report, tmp_path):
    panels = written(report, tmp_path).figures()[3:]
    assert len(panels) == 3
    for panel in panels:
        sides = panel["data"]
        assert [side["name"] for side in sides] == ["non-members", "members"]
        assert all(decoded(side["y"]).sum() == pytest.approx(1) for side in sides)
        np.testing.assert_array_equal(*(decoded(side["x"]) for side in sides))


def test_a_hostile_file_name_is_text(report, tmp_path):
    hostile = replace(
        report,
        model=replace(report.model, name=HOSTILE),
        audit=replace(report.audit, path=Path(HOSTILE)),
        reference=Path(HOSTILE),
        store=replace(report.store, path=Path(HOSTILE), record=report.store.record | {"target": HOSTILE}),
    )
    page, usual = written(hostile, tmp_path), written(report, tmp_path)
    assert page.text.count(HOSTILE) == 7  # the title, the heading and the provenance among them
    assert len(page.scripts) == len(usual.scripts)
    assert len(page.elements) == len(usual.elements)


def test_without_shadow_models_and_reference_it_lists_what_is_missing(alone, tmp_path):
    page = written(alone, tmp_path)
    assert "no shadow models" in page.text
    assert "--shadows" in page.text
    assert "no reference" in page.text
    assert "MIDPUT" not in page.text
    assert "Without the defence 0" not in page.text
    assert alone.skipped
    for skipped in alone.skipped:
        assert skipped.attack.name in page.text
        assert skipped.reason in page.text


@pytest.fixture(scope="module")
def undefended(blobs):
    """Give the report on an undefended model that is compared with itself."""
    return attack(blobs.plain, blobs.bundle, reference=blobs.plain, budget=1)


def test_the_page_of_an_undefended_model_has_no_words_on_a_defence(undefended, tmp_path):
    lone = replace(undefended, reference=None, without=(), plain_utility=None, cost=None, tradeoffs=())
    for report, panels in ((undefended, 2), (lone, 1)):
        page = written(replace(report, warnings=()), tmp_path)
        assert "no known defence" in page.text
        assert f"The worst attack is {report.worst.attack.name} (" in page.text
        assert "ithout the defence" not in page.text
        assert ("The reference" in page.text) == (report is undefended)
        assert len(page.figures()) == 2 + panels


def test_an_undefended_model_and_its_reference_have_a_column_each(undefended, tmp_path):
    page = written(undefended, tmp_path)
    loss = next(result for result in undefended.results if result.attack.code == "loss")
    titles = [attributes.get("title") or "" for tag, attributes in page.elements if tag == "td"]
    assert sum(title.startswith(f"loss (1 answer): {loss.auc.value:.4f}") for title in titles) == 2


def test_a_defence_without_noise_is_described_without_it(report, tmp_path):
    bare = replace(report, defence=Temperature(3), model=replace(report.model, noise=None))
    page = written(bare, tmp_path)
    assert "temperature: temperature 3." in page.text
    assert "noise source" not in page.text


def judged(report, scores):
    """Judge scores [n] as those of an attack on the rows themselves."""
    first, audit = report.results[0], report.audit
    member = audit.member[audit.judged]
    return judge(first.attack, first.attacker, scores[audit.judged], member, 0.0, ThresholdOrigin.FIXED)


@pytest.mark.parametrize(
    "scores",
    [np.zeros, lambda n: (np.arange(n) % 3 == 0).astype(float), lambda n: np.arange(n) ** 7.0],
    ids=["constant", "two", "wide"],
)
def test_scores_of_any_kind_are_drawn(report, tmp_path, scores):
    result = judged(report, scores(len(report.audit)))
    page = written(replace(report, results=(result,), without=()), tmp_path)
    for panel in page.figures()[1:]:
        for trace in panel["data"]:
            assert np.isfinite(decoded(trace["x"])).all()
    assert ("all scores are equal" in page.text) == result.constant


def test_too_few_non_members_leave_the_tpr_out(report, tmp_path):
    few = replace(report.results[0], tpr=dict.fromkeys(FPRS))
    page = written(replace(report, results=(few,)), tmp_path)
    assert "at 1% FPR – too few non-members" in page.text
    assert "TPR at 1%, 0.1% and 0.01% FPR" in page.text


def test_a_page_that_fails_leaves_the_old_one(report, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(FileAccessError, match="No space left"):
        write_html(report, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"


@pytest.mark.parametrize("missing", ["jinja2", "plotly"])
def test_without_plotly_or_jinja2_it_says_what_to_install(missing, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("dynanoise_export.packages.find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(MissingPackageError, match=r"pip install 'dynanoise-export\[report\]'"):
        require_report()
