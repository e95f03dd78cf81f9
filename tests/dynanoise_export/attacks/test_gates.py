"""Gates: how they are read, which attack exceeds them, and how many rows they need."""

from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.gates import (
    MARGIN,
    STRONGEST,
    Gate,
    GateOutcome,
    judge_gates,
    parse_gates,
    require_enough_rows,
)
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.errors import DataError, UsageError
from support.draws import gaussian
from support.evidence import result


def at(distance, rows=500, seed=0):
    return result(*gaussian(np.random.default_rng(seed), distance, rows))


MEMBER = np.arange(1000) < 500


def steady(result):
    """A model that always answers alike."""
    return []


def exceeded_gates(gates, results):
    return [one for one in judge_gates(gates, results, MEMBER, steady) if one.outcome is GateOutcome.EXCEEDED]


def rows(members, non_members, auxiliary=0):
    n = members + non_members + auxiliary
    member = np.arange(n) < members
    return Audit(Path("rows.npz"), "", {}, np.zeros(n, int), member, np.arange(n) < members + non_members)


def test_limits_are_read():
    assert parse_gates(0.55, ["0.01@0.001", "0.5@1e-2"]) == (Gate(0.55), Gate(0.01, 0.001), Gate(0.5, 0.01))
    assert parse_gates(None, []) == ()
    assert [str(gate) for gate in parse_gates(0.55, ["0.01@0.001"])] == ["AUC 0.55", "TPR 0.01 at 0.001 FPR"]


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_limit_that_is_not_an_auc_is_refused(limit):
    with pytest.raises(UsageError, match="--max-auc"):
        parse_gates(limit, [])


@pytest.mark.parametrize(
    "text", ["", "0.1", "@", "0.1@", "@0.1", "0.1@0.1@0.1", "a@b", "1.1@0.1", "-0.1@0.1", "0.1@0", "0.1@1", "nan@0.1"]
)
def test_a_text_of_another_form_is_refused(text):
    with pytest.raises(UsageError, match="--max-tpr"):
        parse_gates(None, [text])


def test_too_few_rows_are_refused_before_any_query():
    gate = Gate(0.1, 0.01)
    require_enough_rows(gate, rows(1, 437))
    require_enough_rows(Gate(0.5), rows(1, 1))
    with pytest.raises(DataError, match=r"rows\.npz has 436 .* 437"):
        require_enough_rows(gate, rows(1, 436, auxiliary=100))


def test_the_upper_end_decides():
    one = at(0.5)
    below, between, above = (one.auc.value - 0.01, (one.auc.value + one.auc.high) / 2, one.auc.high + 1e-9)
    assert [bool(exceeded_gates([Gate(limit)], [one])) for limit in (below, between, above)] == [True, True, False]


def test_the_upper_end_of_a_tpr_decides():
    one = at(1.0)
    tpr = tpr_at(one.curve, 0.05)
    assert tpr.low < tpr.value < tpr.high
    between = (tpr.value + tpr.high) / 2
    assert exceeded_gates([Gate(between, 0.05)], [one])[0].high == tpr.high
    assert not exceeded_gates([Gate(tpr.high, 0.05)], [one])


def test_the_attack_that_reaches_highest_is_named_for_each_gate_that_is_exceeded():
    weak, strong = at(0.2), at(1.5, seed=1)
    found = exceeded_gates([Gate(0.7), Gate(0.99), Gate(0.3, 0.05)], [weak, strong])
    assert [one.gate for one in found] == [Gate(0.7), Gate(0.3, 0.05)]
    assert all(one.result is strong for one in found)
    assert found[0].high == strong.auc.high


def test_an_attack_that_is_wrong_more_often_than_right_is_inverted():
    reversed_, harmless = at(-1.5), at(0.0)
    found = exceeded_gates([Gate(0.7)], [harmless, reversed_])
    assert found[0].result is reversed_
    assert found[0].high == 1 - reversed_.auc.low


def test_inverted_scores_count_at_a_small_fpr_too():
    reversed_ = at(-4.0)
    (found,) = exceeded_gates([Gate(0.1, 0.05)], [at(0.0), reversed_])
    assert found.result is reversed_
    assert found.high > 0.9


def test_verdicts_that_cannot_keep_to_an_fpr_exceed_no_gate_at_it():
    """Correctness says "member" to most rows, or to none, so it can't exceed a gate at 1%."""
    member = np.arange(2000) < 1000
    said = np.random.default_rng(0).random(2000) < np.where(member, 0.99, 0.9)
    assert not exceeded_gates([Gate(0.02, 0.01)], [result(1.0 * said, member), result(np.zeros(2000), member)])


def test_few_rows_exceed_a_gate_that_many_rows_pass():
    assert exceeded_gates([Gate(0.55)], [at(0.0, rows=20)])
    assert not exceeded_gates([Gate(0.55)], [at(0.0, rows=5000)])


def judged(limit, results, redraw=steady):
    (one,) = judge_gates([Gate(limit)], results, MEMBER, redraw)
    return one


def test_the_verdict_says_how_near_it_was():
    one = at(0.5)
    held, exceeded = judged(one.auc.high + 0.02, [one]), judged(one.auc.high - 0.01, [one])
    assert (held.outcome, exceeded.outcome) == (GateOutcome.HELD, GateOutcome.EXCEEDED)
    assert (held.distance, exceeded.distance) == (pytest.approx(0.02), pytest.approx(-0.01))
    assert held.margin == exceeded.margin == 0


def varying(result, deviation=0.2):
    """Give other scores of an attack, as if the noise of the answers moved each score."""
    rng = np.random.default_rng(0)
    return [result.scores + deviation * rng.normal(size=len(result.scores)) for _ in range(16)]


def test_a_limit_that_another_run_could_cross_is_too_near_to_call():
    one = at(0.5)
    margin = judged(1.0, [one], varying).margin
    assert 0.001 < margin < 0.02
    offsets = {
        -2 * margin: GateOutcome.EXCEEDED,
        -0.5 * margin: GateOutcome.TOO_NEAR,
        0.0: GateOutcome.TOO_NEAR,
        0.5 * margin: GateOutcome.TOO_NEAR,
        2 * margin: GateOutcome.HELD,
    }
    for offset, outcome in offsets.items():
        assert judged(one.auc.high + offset, [one], varying).outcome is outcome


def test_a_limit_of_1_always_holds():
    assert judged(1.0, [at(9.0)], lambda result: varying(result, 5.0)).outcome is GateOutcome.HELD


def test_attacks_that_are_nearly_as_strong_move_the_highest_end_too():
    strong, weak = at(0.5), at(0.45, seed=3)
    assert weak.auc.high < strong.auc.high

    def redraw(result):
        return [strong.scores] * 16 if result is strong else varying(result, 3.0)

    alone, both = judged(1.0, [strong], redraw), judged(1.0, [weak, strong], redraw)
    assert alone.margin == 0
    assert both.margin >= 0
    assert both.result is strong
    ends = [max(strong.auc.high, auc(placements(s, MEMBER)).high) for s in varying(weak, 3.0)]
    assert both.margin == pytest.approx(MARGIN * np.std(ends, ddof=1))
    # An attack whose answers repeat has no redraws, and counts with the same end in each run.
    repeating = judged(1.0, [weak, strong], lambda result: [] if result is strong else redraw(result))
    assert repeating.margin == both.margin


def test_the_strongest_attacks_alone_are_redrawn():
    attacks = [at(distance / 10) for distance in range(STRONGEST + 3)]
    redrawn = []
    judged(0.95, attacks, lambda result: redrawn.append(result) or [])
    assert {id(one) for one in redrawn} == {id(one) for one in attacks[3:]}


def test_the_margin_of_a_tpr_is_that_of_its_upper_end():
    one = at(1.0)
    (found,) = judge_gates([Gate(1.0, 0.05)], [one], MEMBER, varying)
    ends = [tpr_at(curve(scores, MEMBER), 0.05).high for scores in varying(one)]
    assert found.margin == pytest.approx(MARGIN * np.std(ends, ddof=1))
