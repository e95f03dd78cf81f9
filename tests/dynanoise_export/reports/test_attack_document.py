"""What the JSON document says of queries, domains and labels, against the report itself."""

from dataclasses import replace

import pytest

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.results import FPRS
from dynanoise_export.reports.attack_document import attack_document
from dynanoise_export.reports.documents import printable_json
from support.exposed import ESTIMATES, with_canaries
from support.query_plans import HOSTILE, NEIGHBOURS


@pytest.fixture(scope="module")
def document(whole_report):
    return attack_document(whole_report)


def of(document, attacker):
    return [one for one in document["attacks"] if one["attacker"] == attacker]


def test_it_states_what_attackers_could_send(document, quick_report):
    assert (document["budget"], document["domain"], document["allowed_domain"]) == (16, "box", "any")
    assert (document["against"]["budget"], document["against"]["domain"]) == (16, "any")
    assert document["against"]["queries"] <= 16
    quick = attack_document(quick_report)
    assert quick["budget"] == quick["against"]["queries"] == 1
    assert [one["budget"] for one in quick["budgets"]] == [1]


def test_each_result_has_its_plan_and_the_domain_of_its_queries(document):
    assert {(one["plan"], one["domain"], one["queries"]) for one in of(document, HOSTILE)} == {("doubled", "any", 1)}
    labels = of(document, "labels of neighbours")
    assert all(one["labels_only"] and one["queries"] == NEIGHBOURS for one in labels)
    (rows,) = [one for one in of(document, "naive") if one["code"] == "lira-labels"]
    assert (rows["plan"], rows["domain"], rows["queries"], rows["labels_only"]) == (None, "box", 1, True)
    assert not any("distance" in one for one in document["attacks"])
    assert len({(one["code"], one["attacker"], one["plan"]) for one in document["attacks"]}) == len(document["attacks"])


def test_a_fusion_has_its_parts(whole_report):
    one = next(result for result in whole_report.results if result.attacker.plan)
    fused = replace(one, attacker=replace(one.attacker, name="fusion of 2 readings", plan="fusion", parts=("a", "b")))
    document = attack_document(replace(whole_report, results=(*whole_report.results, fused)))
    assert document["attacks"][-1]["parts"] == ["a", "b"]
    assert all(result["parts"] == [] for result in document["attacks"][:-1])


def test_budgets_name_the_strongest_of_each_kind_within_them(document):
    assert [one["budget"] for one in document["budgets"]] == [1, 4, 16]
    for one in document["budgets"]:
        within = [attack for attack in document["attacks"] if attack["queries"] <= one["budget"]]
        kinds = {
            "strongest": within,
            "inside": [attack for attack in within if attack["domain"] == "box"],
            "labels_only": [attack for attack in within if attack["labels_only"]],
        }
        for kind, attacks in kinds.items():
            assert one[kind]["auc"] == max(attack["auc"] for attack in attacks)
            assert one[kind]["queries"] <= one["budget"]
            assert one[kind]["tpr_at_fpr"].keys() == {f"{fpr:g}" for fpr in FPRS}
    assert document["label_floor"] == document["budgets"][-1]["labels_only"]
    last = document["budgets"][-1]["strongest"]
    assert {name: document["worst"][name] for name in last} == last


def test_an_attack_on_chosen_queries_is_compared_with_the_strongest_without_the_defence(document):
    strongest = max(one["auc"] for one in document["without"])
    for one in of(document, HOSTILE):
        assert one["auc_gained"] == pytest.approx(strongest - one["auc"], abs=1e-12)


def test_the_most_exposed_rows_have_figures_of_the_worst_attack(document, whole_report):
    exposed = document["exposed"]
    assert exposed["chosen"] == "shadow-models"
    assert exposed["members"] + exposed["non_members"] == 100  # of 270
    assert (exposed["code"], exposed["attacker"]) == (document["worst"]["code"], document["worst"]["attacker"])
    assert exposed["auc_ci"][0] < exposed["auc"] < exposed["auc_ci"][1]
    assert exposed["tpr_at_fpr"] == {f"{fpr:g}": None for fpr in FPRS}  # of so few rows
    canaries = attack_document(with_canaries(whole_report))["exposed"]
    assert (canaries["chosen"], canaries["members"], canaries["non_members"]) == ("canaries", 1021, 980)
    assert (canaries["auc"], canaries["epsilon_lower_bound"]) == (0.913, 1.375)
    assert canaries["tpr_at_fpr"]["0.01"] == 0.251


def test_without_shadow_models_there_are_estimates_and_no_exposed_rows(document, quick_report):
    assert document["estimates"] == []
    quick = attack_document(replace(quick_report, estimates=ESTIMATES))
    assert quick["exposed"] is None
    assert quick["estimates"][0] == {
        "fpr": 0.01, "tpr": 0.689, "tpr_ci": [0.6, 0.77], "assumption": "a first thing holds"
    }  # fmt: skip
    assert [one["fpr"] for one in quick["estimates"]] == [0.01, 0.001]


def test_a_domain_that_attackers_kept_to_is_stated(whole_report):
    document = attack_document(replace(whole_report, allowed=Domain.BOX))
    assert document["allowed_domain"] == document["against"]["domain"] == "box"


def test_names_of_readings_are_escaped(document):
    text = printable_json(document)
    assert "\u202e" not in text
    assert "\\u202e" in text


def test_usefulness_stands_beside_that_of_the_undefended_model(whole_report, document):
    own, plain, found = whole_report.utility, whole_report.plain_utility, document["utility"]
    for name in ("calibration_error", "risk_coverage_area"):
        assert found[f"{name}_defended"] == getattr(own, name) > 0
        assert found[f"{name}_plain"] == getattr(plain, name) > 0
        assert getattr(own, name) != getattr(plain, name)
    for name in ("negative_log_likelihood", "brier_score"):
        for model, utility in (("defended", own), ("plain", plain)):
            interval = getattr(utility, name)
            assert found[f"{name}_{model}"] == interval.value
            assert found[f"{name}_{model}_ci"] == [interval.low, interval.high]
    assert found["top_5_accuracy_defended"] == own.top_5_accuracy
    assert found["label_flips"] == whole_report.cost.flips


def test_without_a_reference_usefulness_is_that_of_the_model_alone(whole_report):
    alone = attack_document(replace(whole_report, plain_utility=None, cost=None, without=(), tradeoffs=()))["utility"]
    assert not any(name.endswith("_plain") for name in alone)
    assert alone["brier_score_defended"] == whole_report.utility.brier_score.value
