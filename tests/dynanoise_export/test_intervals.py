"""Exact intervals and bounds, against scipy's binomial test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from dynanoise_export.intervals import lower_bound, proportion, upper_bound


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
