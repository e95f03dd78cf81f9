"""Exact intervals and bounds, against scipy's binomial test."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from dynanoise_export.intervals import Interval, lower_bound, mean, proportion, upper_bound


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 1), (0, 30), (30, 30), (1, 30), (17, 30), (499, 100_000)])
def test_a_share_has_scipys_exact_interval(count, total):
    expected = binomtest(count, total).proportion_ci(0.95, method="exact")
    found = proportion(count, total)
    assert found.value == count / total
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


@pytest.mark.parametrize("error", [0.0125, 0.025, 0.1])
def test_bounds_of_many_counts_are_scipys_one_by_one(error):
    counts = np.arange(21)
    exact = [binomtest(count, 20).proportion_ci(1 - 2 * error, method="exact") for count in counts]
    np.testing.assert_allclose(lower_bound(counts, 20, error), [one.low for one in exact], rtol=1e-9)
    np.testing.assert_allclose(upper_bound(counts, 20, error), [one.high for one in exact], rtol=1e-9)


def test_a_mean_has_the_interval_of_the_bootstrap():
    values = np.random.default_rng(5).exponential(size=2000)
    found, expected = mean(values), bootstrap((values,), np.mean, rng=0, method="percentile").confidence_interval
    assert found.value == values.mean()
    assert (found.low, found.high) == pytest.approx(expected, abs=0.003)


def test_an_interval_is_written_with_three_places():
    assert str(Interval(0.61249, 0.5826, 0.6394)) == "0.612 [0.583, 0.639]"
