"""The AUC and its interval, against the closed form of Gaussian scores, scikit-learn, and the bootstrap."""

import numpy as np
import pytest
from scipy.stats import bootstrap, norm
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.metrics.auc import auc, auc_difference, placements
from support.draws import gaussian, often_enough


def of(scores, member):
    return auc(placements(scores, member))


def closed(distance):
    return norm.cdf(distance / np.sqrt(2))


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0])
def test_gaussian_scores_have_the_closed_forms_area(distance):
    found = of(*gaussian(np.random.default_rng(0), distance, 4000, 3000))
    assert found.low < closed(distance) < found.high
    assert found.value == pytest.approx(closed(distance), abs=0.02)


@pytest.mark.parametrize("values", [2, 5, 1000])
def test_ties_count_half_as_in_scikit_learn(values):
    rng = np.random.default_rng(0)
    member = rng.random(500) < 0.3
    scores = rng.integers(0, values, 500) + rng.integers(0, 2, 500) * member
    assert of(scores, member).value == pytest.approx(roc_auc_score(member, scores), rel=1e-12)


def kernel(scores, member):
    inside, outside = scores[member], scores[~member]
    return np.array([[(a > b) + 0.5 * (a == b) for b in outside] for a in inside])


def test_the_interval_is_delongs_over_all_pairs():
    rng = np.random.default_rng(0)
    scores, member = np.round(rng.normal(size=90) + (np.arange(90) < 40), 1), np.arange(90) < 40
    pairs = kernel(scores, member)
    error = np.sqrt(pairs.mean(axis=1).var(ddof=1) / 40 + pairs.mean(axis=0).var(ddof=1) / 50)
    found = of(scores, member)
    assert found.value == pytest.approx(pairs.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx(pairs.mean() + np.array([-1, 1]) * norm.ppf(0.975) * error)


def test_the_interval_of_a_difference_is_delongs_over_all_pairs():
    rng = np.random.default_rng(0)
    first, member = gaussian(rng, 1, 40, 50)
    second = np.round(first + rng.normal(size=90), 1)
    pairs = kernel(first, member) - kernel(second, member)
    error = np.sqrt(pairs.mean(axis=1).var(ddof=1) / 40 + pairs.mean(axis=0).var(ddof=1) / 50)
    found = auc_difference(placements(first, member), placements(second, member))
    assert found.value == pytest.approx(pairs.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx(pairs.mean() + np.array([-1, 1]) * norm.ppf(0.975) * error)


def resampled(statistic, member):
    rows = np.flatnonzero(member), np.flatnonzero(~member)

    def of_rows(inside, outside):
        return statistic(np.r_[inside, outside], np.arange(len(inside) + len(outside)) < len(inside))

    found = bootstrap(
        rows, of_rows, n_resamples=500, vectorized=False, method="percentile", rng=np.random.default_rng(0)
    )
    return found.confidence_interval


def test_the_interval_is_as_wide_as_the_bootstraps():
    scores, member = gaussian(np.random.default_rng(0), 1, 150, 100)
    found = of(scores, member)
    expected = resampled(lambda rows, m: roc_auc_score(m, scores[rows]), member)
    tolerance = 0.15 * (found.high - found.low)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=tolerance)


def test_the_interval_of_a_difference_is_as_wide_as_the_paired_bootstraps():
    rng = np.random.default_rng(0)
    first, member = gaussian(rng, 1, 150, 100)
    second = first + rng.normal(size=250)
    found = auc_difference(placements(first, member), placements(second, member))
    expected = resampled(lambda rows, m: roc_auc_score(m, first[rows]) - roc_auc_score(m, second[rows]), member)
    tolerance = 0.15 * (found.high - found.low)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=tolerance)


def test_the_interval_has_its_coverage():
    rng = np.random.default_rng(0)
    found = [of(*gaussian(rng, 1, 80, 60)) for _ in range(300)]
    assert often_enough([one.low <= closed(1) <= one.high for one in found])


def test_the_interval_of_a_difference_has_its_coverage():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        first, member = gaussian(rng, 1, 80, 60)
        second = first + rng.normal(size=140)
        found = auc_difference(placements(first, member), placements(second, member))
        covered.append(found.low <= closed(1) - closed(1 / np.sqrt(2)) <= found.high)
    assert often_enough(covered)


def test_a_paired_interval_is_narrower():
    rng = np.random.default_rng(0)
    first, member = gaussian(rng, 1, 200)
    second = first + 0.5 * rng.normal(size=400)
    one, other = placements(first, member), placements(second, member)
    paired = auc_difference(one, other)
    unpaired = np.hypot(auc(one).high - auc(one).value, auc(other).high - auc(other).value)
    assert paired.high - paired.value < 0.7 * unpaired


def test_scores_do_not_differ_from_themselves():
    placed = placements(*gaussian(np.random.default_rng(0), 1, 50))
    found = auc_difference(placed, placed)
    assert (found.value, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_interval_of_perfect_separation_depends_on_the_number_of_rows(sign):
    """By Clopper and Pearson, 20 successes out of 20 mean a probability of at least 0.025^(1/20)."""
    member = np.arange(50) < 20
    found = of(sign * (1.0 * member + np.arange(50) / 1000), member)
    expected = (1, 0.025 ** (1 / 20), 1) if sign == 1 else (0, 0, 1 - 0.025 ** (1 / 20))
    assert (found.value, found.low, found.high) == pytest.approx(expected)


def test_a_constant_answer_has_an_auc_of_exactly_half():
    found = of(np.full(30, 0.7), np.arange(30) < 20)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_negative_scores_give_the_mirrored_interval():
    scores, member = gaussian(np.random.default_rng(0), 0.7, 50, 30)
    found, negative = of(scores, member), of(-scores, member)
    assert (1 - negative.value, 1 - negative.high, 1 - negative.low) == pytest.approx(
        (found.value, found.low, found.high)
    )


def test_infinite_scores_are_ranked():
    member = np.array([True, True, False, False])
    assert of(np.array([np.inf, -np.inf, -np.inf, 0.0]), member).value == (1 + 1 + 0.5 + 0) / 4


def test_a_single_member_gives_the_widest_interval():
    found = of(np.array([0.5, 0.0, 1.0]), np.array([True, False, False]))
    assert (found.low, found.value, found.high) == (0, 0.5, 1)
