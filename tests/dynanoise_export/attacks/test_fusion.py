"""Fusion against its closed form: the sum of independent log-likelihood ratios, and nothing without membership."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.fusion import Fusions, cost
from dynanoise_export.attacks.plan_judging import FUSION, Judged, judge_plans, redraw_plan
from dynanoise_export.attacks.plan_readings import PlanReading, PlanReadings, ShadowReadings
from dynanoise_export.attacks.queries.query_plan import Reading
from dynanoise_export.attacks.queries.repeats import REPEATS

SHADOWS, ROWS = 64, 1500
LINES = ("a", "a", "b", "c")
QUERIES = (1, 8, 4, 2)


def readings(effects, *, member_effect=True, again=False):
    """Draw readings with independent noise of deviation 1; training on a row raises each by its effect."""
    rng = np.random.default_rng(1)
    trained_on = rng.permuted(np.tile(np.arange(SHADOWS) % 2 == 0, (ROWS, 1)), axis=1).T
    member = np.arange(ROWS) % 2 == 0
    hardness = rng.normal(0, 3, (len(effects), ROWS))
    step = np.array(effects)[:, None]
    shadows = hardness + step * trained_on[:, None] + rng.standard_normal((SHADOWS, len(effects), ROWS))
    own = hardness + step * member * member_effect + rng.standard_normal((len(effects), ROWS))
    flat = tuple(
        PlanReading(REPEATS, Reading(str(i), QUERIES[i], Domain.BOX if i % 2 else Domain.BINARY, LINES[i], i == 3))
        for i in range(len(effects))
    )
    other = own + rng.standard_normal(own.shape) if again else None
    return PlanReadings(flat, own, other, ShadowReadings(shadows, trained_on), 14), member


def anything(reading):
    return True


def test_readings_of_one_line_share_their_queries():
    parts = [
        Reading(str(i), queries, Domain.ANY, line) for i, (queries, line) in enumerate(zip(QUERIES, LINES, strict=True))
    ]
    assert cost(parts) == 8 + 4 + 2
    assert cost([]) == 0


def test_independent_readings_add_up():
    effects = (1.0, 0.0, 1.5, 0.5)
    held, member = readings(effects)
    fusions = Fusions(held)
    fusion = fusions.fit(64, anything)
    assert set(fusion.parts) == {0, 2, 3}  # the second one says nothing
    assert fusion.queries == 1 + 4 + 2
    scores = fusions.score(fusion, held.own)
    # Two Gaussians of equal deviation at the distance d have an AUC of Φ(d / √2); distances add up in squares.
    expected = norm.cdf(np.sqrt(sum(e**2 for e in effects)) / np.sqrt(2))
    assert roc_auc_score(member, scores) == pytest.approx(expected, abs=0.03)
    assert np.mean((scores > 0) == member) == pytest.approx(norm.cdf(np.sqrt(3.5) / 2), abs=0.04)


@pytest.mark.parametrize("budget", [2, 3, 5, 6, 7])
def test_a_fusion_keeps_to_its_budget(budget):
    fusion = Fusions(readings((1.0, 1.2, 1.5, 0.5))[0]).fit(budget, anything)
    assert fusion is None or fusion.queries <= budget


def test_a_fusion_of_one_reading_is_none():
    fusions = Fusions(readings((1.0, 1.2, 1.5, 0.5))[0])
    assert fusions.fit(64, lambda reading: reading.labels_only) is None
    assert fusions.fit(1, anything) is None


def judged(held, member):
    return list(judge_plans(Judged(held, member, True, (1, 4, 16, 64), Domain.BINARY)))


def test_every_reading_and_the_fusions_are_judged():
    held, member = readings((1.0, 1.2, 1.5, 0.5))
    results = [plan.result for plan in judged(held, member)]
    for number, reading in enumerate(held.readings):
        own = [one for one in results if one.attacker.name == reading.reading.name]
        assert "reading" in {one.attack.code for one in own}
        assert {one.attacker.queries for one in own} == {QUERIES[number]}
        itself = next(one for one in own if one.attack.code == "reading")
        assert itself.auc.value == pytest.approx(roc_auc_score(member, held.own[number]))
    fused = [one for one in results if one.attack.code == FUSION]
    assert max(one.auc.value for one in fused) == max(one.auc.value for one in results)
    inside = [one for one in fused if one.attacker.domain is Domain.BINARY]
    assert inside
    assert all(set(one.attacker.parts) <= {"0", "2"} for one in inside)


def test_without_membership_every_reading_and_fusion_is_a_coin():
    """Nothing is fitted on the rows that it judges: shuffled membership of the target gives 0.5 to all."""
    held, member = readings((1.0, 1.2, 1.5, 0.5), member_effect=False)
    results = [plan.result for plan in judged(held, member)]
    assert any(one.attack.code == FUSION for one in results)
    error = 4.5 * np.sqrt((1 / 3 + 1 / 3) / ROWS) / np.sqrt(2)  # 4.5 standard deviations of an AUC by chance
    assert all(abs(one.auc.value - 0.5) < error for one in results)


def test_readings_that_differ_when_asked_again_are_redrawn():
    held, member = readings((1.0, 1.2, 1.5, 0.5), again=True)
    plan = next(one for one in judged(held, member) if one.result.attack.code == "reading")
    redrawn = redraw_plan(plan, held)
    assert len(redrawn) > 10
    # The difference of two readings has deviation 1 here, so a redraw adds a deviation of √½.
    assert np.std(redrawn[0] - held.own[0]) == pytest.approx(np.sqrt(0.5), rel=0.1)
    same = PlanReadings(held.readings, held.own, held.own.copy(), held.shadows, 14)
    assert redraw_plan(plan, same) == []


def test_without_shadow_models_a_reading_stands_for_itself():
    held, member = readings((1.0, 1.2, 1.5, 0.5))
    alone = PlanReadings(held.readings, held.own, None, None, 14)
    assert {plan.result.attack.code for plan in judged(alone, member)} == {"reading"}
