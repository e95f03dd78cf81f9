"""Verdicts, against scikit-learn, and the ASR of an attack that does not look at the rows."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from dynanoise_export.attacks.metrics.accuracy import uninformed_asr, verdicts
from support.draws import often_enough


def random_verdicts(rng, members, non_members, hit=0.7, spare=0.9):
    member = np.arange(members + non_members) < members
    return np.where(member, rng.random(len(member)) < hit, rng.random(len(member)) >= spare), member


@pytest.mark.parametrize(("members", "non_members"), [(50, 50), (80, 20), (1, 30), (1, 1)])
def test_accuracies_are_scikit_learns(members, non_members):
    said, member = random_verdicts(np.random.default_rng(0), members, non_members)
    found = verdicts(said, member)
    assert found.asr.value == pytest.approx(accuracy_score(member, said))
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(member, said))
    assert found.called_members == said.mean()
    exact = binomtest(int((said == member).sum()), len(said)).proportion_ci(method="exact")
    assert (found.asr.low, found.asr.high) == pytest.approx((exact.low, exact.high))


def test_the_balanced_accuracys_interval_recovers_the_variances_of_both_shares():
    """Zou and Donner 2008: the distance to each end of a sum is the root of the sum of its parts' squared distances."""
    said, member = random_verdicts(np.random.default_rng(0), 60, 25)
    a, b = said[member].sum(), (~said[~member]).sum()
    inside, outside = (binomtest(int(n), of).proportion_ci(method="exact") for n, of in ((a, 60), (b, 25)))
    value = (a / 60 + b / 25) / 2
    low = value - np.sqrt((a / 60 - inside.low) ** 2 + (b / 25 - outside.low) ** 2) / 2
    high = value + np.sqrt((inside.high - a / 60) ** 2 + (outside.high - b / 25) ** 2) / 2
    found = verdicts(said, member).balanced_accuracy
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high))


@pytest.mark.parametrize(("hit", "spare"), [(0.7, 0.9), (0.5, 0.5), (0.98, 0.3)])
def test_the_balanced_accuracys_interval_has_its_coverage(hit, spare):
    rng = np.random.default_rng(0)
    found = [verdicts(*random_verdicts(rng, 80, 40, hit, spare)).balanced_accuracy for _ in range(300)]
    assert often_enough([one.low <= (hit + spare) / 2 <= one.high for one in found])


@pytest.mark.parametrize("said", [True, False])
def test_a_constant_verdict_has_a_balanced_accuracy_of_half_and_the_asr_of_the_split(said):
    member = np.arange(100) < 80
    found = verdicts(np.full(100, said), member)
    assert found.balanced_accuracy.value == 0.5
    assert found.asr.value == (0.8 if said else 0.2)
    assert uninformed_asr(0.8, found.called_members) == pytest.approx(found.asr.value)


@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 1.0])
def test_with_four_members_in_five_the_uninformed_asr_is_a_fifth_plus_three_fifths_of_the_accused_share(q):
    assert uninformed_asr(0.8, q) == pytest.approx(0.2 + 0.6 * q)
    assert uninformed_asr(0.5, q) == 0.5


@pytest.mark.parametrize("threshold", [-2.0, -0.5, 0.0, 0.5, 2.0])
def test_scores_of_one_distribution_have_the_uninformed_asr(threshold):
    member = np.arange(100_000) < 80_000
    found = verdicts(np.random.default_rng(0).normal(size=100_000) >= threshold, member)
    assert found.asr.low <= 0.2 + 0.6 * found.called_members <= found.asr.high
    assert found.balanced_accuracy.value == pytest.approx(0.5, abs=0.01)
