"""The limits, against scipy's distributions and its own tests of the same statistics."""

import numpy as np
import pytest
from scipy import stats

from dynanoise_export.validation.exact import (
    correlation_limit,
    cosine,
    magnitudes,
    mean_limit,
    variance_limits,
    worst_correlation,
    worst_variance,
)

RATES = [0.1, 1e-3, 1e-8, 1e-12]


@pytest.mark.parametrize("rate", RATES)
def test_mean_limit_is_the_normal_one(rate):
    assert mean_limit(25, rate) == pytest.approx(stats.norm(scale=1 / 5).isf(rate / 2))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("draws", [20, 200, 54_000, 12_000_000])
def test_variance_limits_are_those_of_chi_square(rate, draws):
    low, high = variance_limits(np.array(float(draws)), rate)
    assert stats.chi2.cdf((1 - low) * draws, draws) == pytest.approx(rate / 2, rel=1e-4)
    assert stats.chi2.sf((1 + high) * draws, draws) == pytest.approx(rate / 2, rel=1e-4)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dimensions", [3, 20, 500, 1_000_000])
def test_correlation_limit_is_students_t_in_disguise(rate, dimensions):
    limit = correlation_limit(dimensions, rate)
    degrees = dimensions - 1
    t = limit * np.sqrt(degrees / (1 - limit**2))
    assert 2 * stats.t.sf(t, degrees) == pytest.approx(rate, rel=1e-6)


def test_correlation_limit_of_centred_vectors_is_pearsons():
    a, b = np.random.default_rng(0).normal(size=(2, 30))
    b += a
    found = stats.pearsonr(a, b)
    assert correlation_limit(29, found.pvalue) == pytest.approx(found.statistic)
    assert cosine(a - a.mean(), b - b.mean()) == pytest.approx(found.statistic)


def test_vectors_too_short_for_an_angle_never_exceed_the_limit():
    assert correlation_limit([0, 1], 1e-8).tolist() == [1, 1]
    found = worst_correlation([(np.array([3.0]), np.array([-0.1]), 1), (np.zeros(0), np.zeros(0), 0)], 2, 1e-8)
    assert found.value <= found.limit == 1


def test_the_variance_farthest_off_is_found_and_small_groups_are_left_out():
    found = worst_variance([1000.0, 0.0, 180.0, 100.0], [1000, 5, 100, 100], 1e-6)
    assert found.part == 2
    assert found.value == pytest.approx(0.8)
    assert found.limit == pytest.approx(stats.chi2.isf(1e-6 / 3 / 2, 100) / 100 - 1)
    assert worst_variance([0.0], [5], 1e-6) is None


def test_magnitudes_are_normal_and_blind_to_the_sign():
    draws = np.random.default_rng(1).normal(size=100_000)
    assert stats.kstest(magnitudes(draws), "norm").pvalue > 1e-3
    assert (magnitudes(-draws) == magnitudes(draws)).all()
    assert stats.spearmanr(magnitudes(draws), np.abs(draws)).statistic == pytest.approx(1)
    assert np.isfinite(magnitudes(np.array([0.0, 1e6]))).all()


@pytest.mark.parametrize("rate", [0.2, 0.05])
def test_each_limit_is_exceeded_at_its_rate(rate):
    rng = np.random.default_rng(2)
    runs, size = 20_000, 8
    a, b = rng.normal(size=(2, runs, size))
    # The other vector may be anything, so long as it is independent.
    b = np.sign(b) * b**4
    cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    low, high = variance_limits(np.array(float(size)), rate)
    variances = np.square(a).mean(axis=1)
    for exceeded in (
        np.abs(a.mean(axis=1)) > mean_limit(size, rate),
        np.abs(cosines) > correlation_limit(size, rate),
        (variances < 1 - low) | (variances > 1 + high),
    ):
        assert exceeded.mean() == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / runs))
