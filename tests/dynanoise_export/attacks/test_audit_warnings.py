"""Warnings: each code if it applies, and not otherwise."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.audit_warnings import (
    WarningCode,
    attacker_warnings,
    leak_warnings,
    result_warnings,
    row_warnings,
    shadow_warnings,
)
from dynanoise_export.attacks.methods.confidence import CONFIDENCE
from dynanoise_export.attacks.results import ThresholdOrigin
from dynanoise_export.attacks.utility import Utility
from dynanoise_export.intervals import Interval, proportion
from dynanoise_export.shadow_stores import ShadowStore
from support.draws import gaussian
from support.evidence import NAIVE, result

PLAIN = Attacker("without the defence", False, False, 1)
ONCE, AVERAGED = (
    Attacker("adaptive, 1 answer", True, True, 1),
    Attacker("adaptive, 256 answers averaged", True, True, 256),
)
NEIGHBOURS = Attacker("labels of 8 neighbours at 0.1", True, False, 8, 0.1, labels_only=True)
FIXED, SHADOW_MODELS, JUDGED_ROWS = ThresholdOrigin


def codes(warnings):
    return [warning.code for warning in warnings]


def rows(members, non_members, auxiliary=0):
    n = members + non_members + auxiliary
    member = np.arange(n) < members
    return Audit(Path("rows.npz"), "", {}, np.zeros(n, int), member, np.arange(n) < members + non_members)


def at(distance, attacker=NAIVE, seed=0, members=2000, **more):
    return result(*gaussian(np.random.default_rng(seed), distance, members, 2000), attacker=attacker, **more)


def about_rows(audit, blind=None):
    return list(row_warnings(audit, blind))


ENOUGH = 50_000


def test_outputs_that_bypass_the_defence_are_named():
    (found,) = leak_warnings(["logits", "embedding"])
    assert found.code is WarningCode.OUTPUTS_BYPASS_DEFENCE
    assert "logits, embedding" in found.text
    assert str(found) == found.text
    assert not list(leak_warnings(()))


def test_a_sound_audit_has_no_warning():
    assert about_rows(rows(ENOUGH, ENOUGH), Interval(0.51, 0.49, 0.53)) == []


@pytest.mark.parametrize(("members", "warned"), [(0.44, True), (0.46, False), (0.54, False), (0.56, True)])
def test_unbalanced_sets_are_warned_of(members, warned):
    found = about_rows(rows(int(members * 2 * ENOUGH), int((1 - members) * 2 * ENOUGH)))
    assert codes(found) == [WarningCode.UNBALANCED_SETS] * warned


def test_with_four_members_in_five_the_uninformed_asr_rises_with_the_accused_share():
    (found,) = about_rows(rows(4 * ENOUGH, ENOUGH))
    assert "80%" in found.text
    assert "0.20 +0.60·q" in found.text


def test_with_one_member_in_five_the_uninformed_asr_falls_with_the_accused_share():
    (found,) = about_rows(rows(ENOUGH, 4 * ENOUGH))
    assert "0.80 -0.60·q" in found.text


def test_auxiliary_rows_are_not_counted():
    assert about_rows(rows(ENOUGH, ENOUGH, auxiliary=ENOUGH)) == []


def test_rows_that_differ_without_the_model_are_warned_of():
    (found,) = about_rows(rows(ENOUGH, ENOUGH), Interval(0.56, 0.51, 0.61))
    assert found.code is WarningCode.ROWS_DIFFER_WITHOUT_MODEL
    assert "0.560 [0.510, 0.610]" in found.text
    assert about_rows(rows(ENOUGH, ENOUGH), Interval(0.56, 0.5, 0.62)) == []


@pytest.mark.parametrize(
    ("non_members", "needed"),
    [(436, ["437", "4,380", "43,819"]), (437, ["4,380", "43,819"]), (4380, ["43,819"])],
)
def test_rates_that_the_rows_can_not_show_are_named(non_members, needed):
    (found,) = about_rows(rows(non_members, non_members))
    assert found.code is WarningCode.TOO_FEW_NON_MEMBERS
    assert re.findall(r"[\d,]+(?=\))", found.text) == needed


NOTHING = Interval(0.0, 0.0, 0.0)
DEFENDED = Utility(proportion(800, 1000), proportion(990, 1000), 0.0, NOTHING, NOTHING, 0.0, None)


def store(models=16, accuracy=0.8):
    record = {"models": {str(i): {"accuracy_others": accuracy} for i in range(models)}}
    return ShadowStore(Path("store"), np.zeros((models, 2, 2), np.float32), np.zeros((models, 2), bool), record)


def about_shadows(store):
    return list(shadow_warnings(store, DEFENDED))


def test_enough_shadow_models_like_the_target_have_no_warning():
    assert about_shadows(store()) == []


def test_missing_shadow_models_are_warned_of():
    assert codes(about_shadows(None)) == [WarningCode.NO_SHADOW_MODELS]


def test_few_shadow_models_are_counted():
    (found,) = about_shadows(store(models=15))
    assert found.code is WarningCode.FEW_SHADOW_MODELS
    assert "15" in found.text


@pytest.mark.parametrize(("accuracy", "warned"), [(0.69, True), (0.71, False), (0.89, False), (0.91, True)])
def test_shadow_models_much_better_or_worse_than_the_target_are_warned_of(accuracy, warned):
    found = about_shadows(store(accuracy=accuracy))
    assert codes(found) == [WarningCode.SHADOW_MODELS_DIFFER] * warned
    assert all(f"{accuracy:.1%}" in warning.text and "80.0%" in warning.text for warning in found)


def test_a_store_that_does_not_state_its_accuracy_is_not_judged_by_it():
    assert about_shadows(store(accuracy=None)) == []


def about_results(*results, members=0.5):
    return list(result_warnings(results, members))


def test_sound_results_have_no_warning():
    assert about_results(at(0.0), at(1.0, origin=SHADOW_MODELS), at(1.0, members=8000), members=0.8) == []


@pytest.mark.parametrize(("origin", "warned"), [(FIXED, False), (SHADOW_MODELS, False), (JUDGED_ROWS, True)])
def test_a_threshold_fitted_on_the_judged_rows_is_warned_of(origin, warned):
    found = about_results(at(1.0, origin=origin))
    assert codes(found) == [WarningCode.THRESHOLD_FROM_JUDGED_ROWS] * warned


def test_each_flattered_attack_is_named_once():
    flattered = [at(1.0, attacker=who, origin=JUDGED_ROWS) for who in (NAIVE, ONCE)]
    (found,) = about_results(*flattered, at(1.0, attack=CONFIDENCE, origin=JUDGED_ROWS))
    assert "confidence; loss" in found.text


def test_a_constant_score_is_warned_of():
    constant = result(np.zeros(4000), np.arange(4000) < 2000)
    (found,) = about_results(constant, at(1.0))
    assert found.code is WarningCode.CONSTANT_SCORES
    assert "loss (naive)" in found.text


@pytest.mark.parametrize(("distance", "warned"), [(-1.0, True), (-0.02, False), (0.0, False), (1.0, False)])
def test_an_attack_that_is_wrong_more_often_than_right_is_warned_of(distance, warned):
    one = at(distance)
    found = about_results(one)
    assert codes(found) == [WarningCode.WORSE_THAN_CHANCE] * warned
    assert all(f"{1 - one.auc.value:.3f}" in warning.text for warning in found)


# Four members in five, drawn from one distribution: what the first version of the DynaNoise paper measured.


def split(distance, threshold, seed, members=1600, non_members=400):
    scores, member = gaussian(np.random.default_rng(seed), distance, members, non_members)
    return result(scores, member, threshold)


def measures_the_split(results, members=0.8):
    return WarningCode.ASR_OF_THE_SPLIT in codes(result_warnings(results, members))


def test_scores_of_one_distribution_measure_the_split_at_any_threshold():
    results = [split(0.0, threshold, seed) for seed, threshold in enumerate([-3, -1, -0.5, 0, 0.5, 1, 3])]
    for one in results:
        assert one.verdicts.asr.value == pytest.approx(0.2 + 0.6 * one.verdicts.called_members, abs=0.03)
    assert measures_the_split(results)


def test_as_many_results_as_an_audit_has_still_measure_the_split():
    """Of sixty 95% intervals three may fail, so together they have to be wider."""
    rng = np.random.default_rng(0)
    found = []
    for seed in range(20):
        thresholds = enumerate(rng.normal(scale=0.3, size=60))
        found.append(measures_the_split([split(0.0, one, 60 * seed + i, 400, 100) for i, one in thresholds]))
    assert np.mean(found) > 0.9


def test_one_attack_that_knows_something_is_enough():
    assert not measures_the_split([split(0.0, 0, 0), split(1.0, 0.5, 1)])


def test_balanced_sets_have_no_such_warning():
    assert not measures_the_split([split(0.0, 0, 0, 1000, 1000)], members=0.5)


def about_attackers(without, defended):
    return list(attacker_warnings(without, defended))


def test_a_defence_that_holds_has_no_warning():
    assert about_attackers([at(1.5, PLAIN)], [at(0.5, NAIVE), at(0.5, ONCE), at(0.5, AVERAGED)]) == []


def test_a_defence_that_an_adaptive_attacker_undoes_is_warned_of():
    plain, naive, once = at(1.5, PLAIN), at(0.1, NAIVE), at(1.4, ONCE)
    (found,) = about_attackers([plain], [naive, once])
    assert found.code is WarningCode.DEFENCE_UNDONE
    assert all(f"{one.auc.value:.3f}" in found.text for one in (plain, naive, once))


def test_a_defence_without_a_gain_has_none_to_undo():
    assert about_attackers([at(1.5, PLAIN)], [at(1.5, NAIVE), at(1.5, ONCE)]) == []


def test_averaging_that_removes_the_noise_is_warned_of():
    once, averaged = at(0.5, ONCE), at(1.4, AVERAGED)
    (found,) = about_attackers([at(1.5, PLAIN)], [at(0.4, NAIVE), once, averaged])
    assert found.code is WarningCode.NOISE_AVERAGED_OUT
    assert all(f"{one.auc.value:.3f}" in found.text for one in (once, averaged))
    assert AVERAGED.name in found.text


def test_averaging_that_gives_back_less_than_half_is_not():
    assert about_attackers([at(1.5, PLAIN)], [at(0.4, NAIVE), at(0.4, ONCE), at(0.7, AVERAGED)]) == []


def test_both_are_warned_of_if_both_give_back():
    found = about_attackers([at(2.0, PLAIN)], [at(0.1, NAIVE), at(1.1, ONCE), at(1.9, AVERAGED)])
    assert codes(found) == [WarningCode.DEFENCE_UNDONE, WarningCode.NOISE_AVERAGED_OUT]


def test_the_strongest_attack_of_each_attacker_counts():
    weak = [at(0.0, who, attack=CONFIDENCE) for who in (NAIVE, ONCE)]
    strong = [at(0.1, NAIVE), at(1.4, ONCE)]
    assert about_attackers([at(0.2, PLAIN), at(1.5, PLAIN)], [*weak, *strong]) == about_attackers(
        [at(1.5, PLAIN)], strong
    )


def test_attackers_who_see_labels_alone_are_not_compared():
    labels = at(1.5, NEIGHBOURS)
    undefended = replace(labels, attacker=replace(NEIGHBOURS, defended=False))
    assert about_attackers([at(0.5, PLAIN), undefended], [at(0.5, NAIVE), labels, at(0.5, ONCE)]) == []


@pytest.mark.parametrize("without", [[], [at(1.5, PLAIN)]])
def test_nothing_is_compared_without_both_an_undefended_model_and_an_adaptive_attacker(without):
    assert about_attackers(without, [at(0.1, NAIVE)]) == []
