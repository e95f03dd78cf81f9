"""The TPR at a small FPR, against closed forms, scikit-learn, and the exact law of order statistics."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm
from sklearn.metrics import roc_curve

from dynanoise_export.attacks.metrics.roc import curve, inverted, non_members_needed, tpr_at
from support.draws import gaussian, often_enough

RATES = (0.1, 0.01, 0.001)


def closed(distance, fpr):
    return norm.cdf(distance + norm.ppf(fpr))


@pytest.mark.parametrize("fpr", RATES)
@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0])
def test_gaussian_scores_have_the_closed_forms_tpr(distance, fpr):
    found = tpr_at(curve(*gaussian(np.random.default_rng(1), distance, 5000, 20_000)), fpr)
    assert found.low < closed(distance, fpr) < found.high
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("fpr", RATES)
@pytest.mark.parametrize("values", [3, 40, 10_000])
def test_the_figure_is_on_scikit_learns_curve(values, fpr):
    rng = np.random.default_rng(0)
    member = np.arange(9000) < 3000
    scores = rng.integers(0, values, 9000) + values // 3 * member
    fprs, tprs, _ = roc_curve(member, scores)
    assert tpr_at(curve(scores, member), fpr).value == tprs[fprs <= fpr].max()


def test_a_share_that_floats_round_still_allows_its_whole_number_of_non_members():
    """0.07 · 100 is 7.000000000000001, and 0.29 · 100 is 28.999999999999996."""
    scores, member = np.r_[np.arange(100), 92.5, 92.7, 70.5], np.arange(103) >= 100
    assert tpr_at(curve(scores, member), 0.07).value == pytest.approx(2 / 3)
    assert tpr_at(curve(scores, member), 0.29).value == 1


@pytest.mark.parametrize("fpr", [0.01, 0.001, 0.05, 0.5])
def test_the_needed_non_members_are_enough_and_one_less_is_not(fpr):
    needed = non_members_needed(fpr)
    assert (1 - fpr) ** needed <= 0.0125 < (1 - fpr) ** (needed - 1)
    scores, member = gaussian(np.random.default_rng(0), 1, 10, needed)
    assert tpr_at(curve(scores, member), fpr) is not None
    assert tpr_at(curve(scores[:-1], member[:-1]), fpr) is None


@pytest.mark.parametrize("non_members", [437, 1500])
def test_the_interval_is_clopper_and_pearsons_between_two_order_statistics(non_members):
    scores, member = gaussian(np.random.default_rng(0), 1.5, 300, non_members)
    inside, outside = scores[member], np.sort(scores[~member])[::-1]
    below = max(k for k in range(100) if binom.cdf(k, non_members, 0.01) <= 0.0125)
    above = min(k for k in range(100) if binom.sf(k - 1, non_members, 0.01) <= 0.0125)
    found = tpr_at(curve(scores, member), 0.01)
    for end, count in (("low", (inside > outside[below]).sum()), ("high", (inside > outside[above - 1]).sum())):
        assert getattr(found, end) == pytest.approx(
            getattr(binomtest(int(count), 300).proportion_ci(0.975, method="exact"), end)
        )


@pytest.mark.parametrize(("fpr", "non_members"), [(0.01, 500), (0.1, 60), (0.5, 30)])
def test_the_interval_has_its_coverage(fpr, non_members):
    rng = np.random.default_rng(0)
    found = [tpr_at(curve(*gaussian(rng, 1, 200, non_members)), fpr) for _ in range(300)]
    assert often_enough([one.low <= closed(1, fpr) <= one.high for one in found])


@pytest.mark.parametrize("fpr", [0.8, 0.9, 0.99])
def test_the_interval_has_its_coverage_if_not_even_all_non_members_show_such_a_rate(fpr):
    rng = np.random.default_rng(0)
    found = [tpr_at(curve(*gaussian(rng, 0, 200, non_members_needed(fpr))), fpr) for _ in range(300)]
    assert often_enough([one.low <= fpr <= one.high for one in found])


@pytest.mark.parametrize("fewest", [1, 2, 3])
def test_just_enough_non_members_are_enough_despite_rounding(fewest):
    fpr = 1 - 0.0125 ** (1 / fewest)
    scores, member = gaussian(np.random.default_rng(0), 1, 10, non_members_needed(fpr))
    found = tpr_at(curve(scores, member), fpr)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("fpr", [0.01, 0.1])
def test_verdicts_that_accuse_a_larger_share_find_nobody(fpr):
    """An attack that says "member" to 6 non-members in 10 keeps to 1% only if it accuses nobody."""
    rng = np.random.default_rng(0)
    member = np.arange(1000) < 400
    said = rng.random(1000) < np.where(member, 0.9, 0.6)
    for scores in (1.0 * said, np.zeros(1000)):
        found = tpr_at(curve(scores, member), fpr)
        assert (found.value, found.low) == (0, 0)
        assert found.high == pytest.approx(1 - 0.0125 ** (1 / 400))


@pytest.mark.parametrize("levels", [3, 10])
def test_the_interval_has_its_coverage_with_ties(levels):
    """A member has score i with a probability in proportion to 2i + 1, a non-member with the same for all i."""
    rng = np.random.default_rng(0)
    odds = 2 * np.arange(levels) + 1.0
    above = np.cumsum(odds[::-1] / odds.sum())
    accused = np.arange(1, levels + 1) / levels
    truth = max([0.0, *above[accused <= 0.2 + 1e-9]])
    covered = []
    for _ in range(300):
        scores = np.r_[rng.choice(levels, 100, p=odds / odds.sum()), rng.integers(0, levels, 150)]
        found = tpr_at(curve(scores, np.arange(250) < 100), 0.2)
        covered.append(found.low <= truth <= found.high)
    assert often_enough(covered)


def test_perfect_separation_finds_all_members():
    member = np.arange(600) < 100
    found = tpr_at(curve(1.0 * member, member), 0.01)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.0125 ** (1 / 100))


def test_a_curve_counts_from_nobody_to_everybody():
    roc = curve(np.array([3.0, 2, 2, 1, 0]), np.array([True, True, False, False, True]))
    assert roc.false_positives.tolist() == [0, 0, 1, 2, 2]
    assert roc.true_positives.tolist() == [0, 1, 2, 2, 3]
    assert (roc.non_members, roc.members) == (2, 3)


def test_an_inverted_curve_is_that_of_the_negative_scores():
    scores, member = gaussian(np.random.default_rng(0), 1, 30, 20)
    found, expected = inverted(curve(scores, member)), curve(-scores, member)
    np.testing.assert_array_equal(found.false_positives, expected.false_positives)
    np.testing.assert_array_equal(found.true_positives, expected.true_positives)
    assert (found.non_members, found.members) == (20, 30)
