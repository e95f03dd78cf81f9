"""Gates in words: for which budget and which domain they hold."""

from dataclasses import replace

import pytest

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.reports.attack_wording import INPUTS
from dynanoise_export.reports.gate_wording import against_whom, gate_sentence


@pytest.mark.parametrize("domain", Domain)
def test_a_gate_holds_for_a_budget_and_a_domain(whole_report, domain):
    report = replace(whole_report, allowed=domain)
    (gate,) = report.gates
    for sentence in (gate_sentence(gate, report), against_whom(report)):
        assert f"up to 16 queries for each row, {INPUTS[domain]}" in sentence


def test_one_query_is_not_up_to_one(whole_report):
    report = replace(whole_report, budget=1)
    assert "for 1 query for each row, any input" in gate_sentence(report.gates[0], report)


def test_a_fusion_is_named_once(whole_report):
    (gate,) = whole_report.gates
    attacker = replace(gate.result.attacker, name="fusion of 3 readings", parts=("a", "b", "c"), plan="fusion")
    sentence = gate_sentence(replace(gate, result=replace(gate.result, attacker=attacker)), whole_report)
    assert "any input: fusion of 3 readings may reach" in sentence
