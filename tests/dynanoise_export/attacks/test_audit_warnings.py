"""What is not sound about an audit: each sentence where it belongs, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks import audit_warnings
from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.judging import FIXED, FROM_SHADOWS, FROM_THESE_ROWS
from dynanoise_export.attacks.methods.confidence import CONFIDENCE
from dynanoise_export.attacks.utility import Utility
from dynanoise_export.intervals import Interval, share
from dynanoise_export.shadow_stores import ShadowStore
from support.draws import gaussian
from support.evidence import NAIVE, result

PLAIN = Attacker("without the defence", False, False, 1)
ONCE, AVERAGED = (
    Attacker("adaptive, 1 answer", True, True, 1),
    Attacker("adaptive, 256 answers averaged", True, True, 256),
)
NEIGHBOURS = Attacker("labels of 8 neighbours at 0.1", True, False, 8, 0.1, labels_only=True)


def rows(members, non_members, auxiliary=0):
    n = members + non_members + auxiliary
    member = np.arange(n) < members
    return Audit(Path("rows.npz"), "", {}, np.zeros(n, int), member, np.arange(n) < members + non_members)


def at(distance, attacker=NAIVE, seed=0, members=2000, **more):
    return result(*gaussian(np.random.default_rng(seed), distance, members, 2000), attacker=attacker, **more)


def about_rows(audit, blind=None):
    return list(audit_warnings.about_rows(audit, blind))


ENOUGH = 50_000


def test_a_sound_audit_is_passed_over_in_silence():
    assert about_rows(rows(ENOUGH, ENOUGH), Interval(0.51, 0.49, 0.53)) == []


@pytest.mark.parametrize(("members", "said"), [(0.44, True), (0.46, False), (0.54, False), (0.56, True)])
def test_unbalanced_sets_are_named(members, said):
    found = about_rows(rows(int(members * 2 * ENOUGH), int((1 - members) * 2 * ENOUGH)))
    assert [text.startswith("The sets are unbalanced") for text in found] == [True] * said


def test_with_four_members_in_five_the_asr_of_who_knows_nothing_is_spelled_out():
    (found,) = about_rows(rows(4 * ENOUGH, ENOUGH))
    assert "80% of the rows are members" in found
    assert "an ASR of 0.20 +0.60·q" in found


def test_with_one_member_in_five_the_asr_falls_with_the_share_that_is_accused():
    (found,) = about_rows(rows(ENOUGH, 4 * ENOUGH))
    assert "an ASR of 0.80 -0.60·q" in found


def test_auxiliary_rows_are_not_counted():
    assert about_rows(rows(ENOUGH, ENOUGH, auxiliary=ENOUGH)) == []


def test_rows_that_differ_without_the_model_are_named():
    (found,) = about_rows(rows(ENOUGH, ENOUGH), Interval(0.56, 0.51, 0.61))
    assert "0.560 [0.510, 0.610]" in found
    assert about_rows(rows(ENOUGH, ENOUGH), Interval(0.56, 0.5, 0.62)) == []


@pytest.mark.parametrize(
    ("non_members", "said"),
    [
        (436, "at 1% FPR (which takes 437) and 0.1% FPR (which takes 4,380) and 0.01% FPR (which takes 43,819)"),
        (437, "at 0.1% FPR (which takes 4,380) and 0.01% FPR (which takes 43,819)"),
        (4380, "at 0.01% FPR (which takes 43,819)"),
    ],
)
def test_rates_that_the_rows_cannot_show_are_named(non_members, said):
    (found,) = about_rows(rows(non_members, non_members))
    assert found == f"With {non_members:,} non-members no TPR can be told {said}."


DEFENDED = Utility(share(800, 1000), share(990, 1000), 0.0)


def store(models=16, accuracy=0.8):
    record = {"models": {str(i): {"accuracy_others": accuracy} for i in range(models)}}
    return ShadowStore(Path("store"), np.zeros((models, 2, 2), np.float32), np.zeros((models, 2), bool), record)


def about_shadows(store):
    return list(audit_warnings.about_shadows(store, DEFENDED))


def test_enough_shadow_models_that_are_like_the_target_are_passed_over_in_silence():
    assert about_shadows(store()) == []


def test_without_shadow_models_the_strongest_attacks_were_not_made():
    (found,) = about_shadows(None)
    assert "the strongest attacks were not made" in found


def test_few_shadow_models_are_counted():
    (found,) = about_shadows(store(models=15))
    assert found.startswith("There are 15 shadow models")


@pytest.mark.parametrize(("accuracy", "said"), [(0.69, True), (0.71, False), (0.89, False), (0.91, True)])
def test_shadow_models_much_better_or_worse_than_the_target_are_named(accuracy, said):
    found = about_shadows(store(accuracy=accuracy))
    assert len(found) == said
    assert all(f"right on {accuracy:.1%} of what they have not learnt" in text for text in found)
    assert all("the model on 80.0%" in text for text in found)


def test_a_store_that_does_not_tell_its_accuracy_is_not_judged_by_it():
    assert about_shadows(store(accuracy=None)) == []


def about_results(*results, members=0.5):
    return list(audit_warnings.about_results(results, members))


def test_sound_results_are_passed_over_in_silence():
    assert about_results(at(0.0), at(1.0, threshold=FROM_SHADOWS), at(1.0, members=8000), members=0.8) == []


@pytest.mark.parametrize(("threshold", "said"), [(FIXED, False), (FROM_SHADOWS, False), (FROM_THESE_ROWS, True)])
def test_a_threshold_fitted_on_these_rows_flatters(threshold, said):
    found = about_results(at(1.0, threshold=threshold))
    assert len(found) == said
    assert all("The accuracy of loss is at a threshold fitted on these very rows" in text for text in found)


def test_each_attack_that_is_flattered_is_named_once():
    flattered = [at(1.0, attacker=who, threshold=FROM_THESE_ROWS) for who in (NAIVE, ONCE)]
    (found,) = about_results(*flattered, at(1.0, attack=CONFIDENCE, threshold=FROM_THESE_ROWS))
    assert "The accuracy of confidence, loss is" in found


def test_a_constant_answer_is_called_one():
    constant = result(np.zeros(4000), np.arange(4000) < 2000)
    (found,) = about_results(constant, at(1.0))
    assert "exactly 0.5 is that of a constant answer: loss (naive)." in found


@pytest.mark.parametrize(("distance", "said"), [(-1.0, True), (-0.02, False), (0.0, False), (1.0, False)])
def test_an_attack_that_is_wrong_more_often_than_right_is_turned_round(distance, said):
    one = at(distance)
    found = about_results(one)
    assert len(found) == said
    assert all(f"turned round, its AUC is {1 - one.auc.value:.3f}" in text for text in found)


# Four members in five, drawn from the same set: what the first version of the DynaNoise paper measured.


def split(distance, cut, seed, members=1600, non_members=400):
    scores, member = gaussian(np.random.default_rng(seed), distance, members, non_members)
    return result(scores, member, cut)


def measured(results, members=0.8):
    return [text for text in audit_warnings.about_results(results, members) if "measure the split" in text]


def test_scores_of_one_distribution_measure_the_split_at_whatever_threshold():
    results = [split(0.0, cut, seed) for seed, cut in enumerate([-3, -1, -0.5, 0, 0.5, 1, 3])]
    for one in results:
        assert one.verdicts.asr.value == pytest.approx(0.2 + 0.6 * one.verdicts.said_member, abs=0.03)
    assert len(measured(results)) == 1


def test_as_many_results_as_an_audit_has_still_measure_the_split():
    """Of sixty intervals that hold 95 times in 100 each, three may fail: together they have to be wider."""
    rng = np.random.default_rng(0)
    said = []
    for seed in range(20):
        cuts = enumerate(rng.normal(scale=0.3, size=60))
        said.append(bool(measured([split(0.0, cut, 60 * seed + i, 400, 100) for i, cut in cuts])))
    assert np.mean(said) > 0.9


def test_one_attack_that_knows_something_is_enough():
    assert measured([split(0.0, 0, 0), split(1.0, 0.5, 1)]) == []


def test_of_balanced_sets_nothing_is_said():
    assert measured([split(0.0, 0, 0, 1000, 1000)], members=0.5) == []


def about_attackers(without, defended):
    return list(audit_warnings.about_attackers(without, defended))


def test_a_defence_that_holds_is_passed_over_in_silence():
    assert about_attackers([at(1.5, PLAIN)], [at(0.5, NAIVE), at(0.5, ONCE), at(0.5, AVERAGED)]) == []


def test_a_gain_that_an_attacker_divides_out_is_the_temperatures():
    plain, naive, once = at(1.5, PLAIN), at(0.1, NAIVE), at(1.4, ONCE)
    (found,) = about_attackers([plain], [naive, once])
    assert f"from an AUC of {plain.auc.value:.3f} to {naive.auc.value:.3f}" in found
    assert f"gets {once.auc.value:.3f}: the gain is the temperature's" in found


def test_a_defence_that_takes_nothing_has_no_gain_to_be_the_temperatures():
    assert about_attackers([at(1.5, PLAIN)], [at(1.5, NAIVE), at(1.5, ONCE)]) == []


def test_averaging_that_gives_back_what_noise_takes_is_named():
    once, averaged = at(0.5, ONCE), at(1.4, AVERAGED)
    (found,) = about_attackers([at(1.5, PLAIN)], [at(0.4, NAIVE), once, averaged])
    assert found.startswith("More answers give back what noise takes")
    assert f"{once.auc.value:.3f} with one answer to {averaged.auc.value:.3f} ({AVERAGED.name})" in found


def test_averaging_that_gives_back_less_than_half_is_not():
    assert about_attackers([at(1.5, PLAIN)], [at(0.4, NAIVE), at(0.4, ONCE), at(0.7, AVERAGED)]) == []


def test_temperature_and_averaging_are_both_named_where_both_give_back():
    found = about_attackers([at(2.0, PLAIN)], [at(0.1, NAIVE), at(1.1, ONCE), at(1.9, AVERAGED)])
    assert ["temperature" in found[0], "More answers" in found[1]] == [True, True]


def test_the_strongest_attack_of_each_attacker_counts():
    weak = [at(0.0, who, attack=CONFIDENCE) for who in (NAIVE, ONCE)]
    strong = [at(0.1, NAIVE), at(1.4, ONCE)]
    assert about_attackers([at(0.2, PLAIN), at(1.5, PLAIN)], [*weak, *strong]) == about_attackers(
        [at(1.5, PLAIN)], strong
    )


def test_attackers_who_see_labels_alone_are_not_compared():
    labels = at(1.5, NEIGHBOURS)
    shaken = replace(labels, attacker=replace(NEIGHBOURS, defended=False))
    assert about_attackers([at(0.5, PLAIN), shaken], [at(0.5, NAIVE), labels, at(0.5, ONCE)]) == []


@pytest.mark.parametrize("without", [[], [at(1.5, PLAIN)]])
def test_without_both_an_undefended_model_and_an_adaptive_attacker_nothing_is_compared(without):
    assert about_attackers(without, [at(0.1, NAIVE)]) == []
