import math

import numpy as np
import pytest
from scipy.stats import binom

from dynanoise_export.benchmarking.figures import latency, median, run_of
from dynanoise_export.benchmarking.timing import Pair
from dynanoise_export.runtimes.provider import Provider


def test_percentiles_and_throughput():
    seconds = np.random.default_rng(0).permutation(np.arange(1, 1002)) / 1e3
    figures = latency(seconds, 8)
    assert figures.percentiles == pytest.approx({50: 501, 95: 951, 99: 991})
    assert figures.throughput == pytest.approx(8 / 0.501)
    assert figures.calls == 1001


@pytest.mark.parametrize(("percentile", "calls"), [(50, 20), (95, 200), (99, 1000)])
def test_a_percentile_needs_ten_slower_calls(percentile, calls):
    assert latency(np.ones(calls), 1).percentiles[percentile] is not None
    assert latency(np.ones(calls - 1), 1).percentiles[percentile] is None


@pytest.mark.parametrize(("count", "low", "high"), [(10, 2, 9), (15, 4, 12), (20, 6, 15), (25, 8, 18)])
def test_the_interval_of_a_median_is_as_in_the_tables(count, low, high):
    """As in Conover, Practical Nonparametric Statistics: the binomial distribution gives the ranks."""
    values = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    figures = median(values)
    assert (figures.low, figures.value, figures.high) == (low, (count + 1) / 2, high)
    assert binom.cdf(low - 1, count, 0.5) <= 0.025 < binom.cdf(low, count, 0.5)


def pairs(count, calls, plain=0.1, defended=0.2):
    return [Pair(number % 10, (np.full(calls, plain), np.full(calls, defended))) for number in range(count)]


def test_the_figures_of_both_models():
    run = run_of(pairs(30, 4), Provider.CPU, 16)
    assert (run.pairs, run.sessions, run.batch) == (30, 10, 16)
    assert run.plain.percentiles == pytest.approx({50: 100, 95: None, 99: None})
    assert run.defended.percentiles[50] == pytest.approx(200)
    assert run.plain.throughput == pytest.approx(160)
    assert (run.ratio.low, run.ratio.value, run.ratio.high) == pytest.approx((2, 2, 2))


def test_the_number_of_pairs_that_all_percentiles_need():
    run = run_of(pairs(30, 4), Provider.CPU, 16)
    assert run.pairs_for_all == 250
    assert run_of(pairs(run.pairs_for_all, 4), Provider.CPU, 16).defended.percentiles[99] is not None
    assert run_of(pairs(run.pairs_for_all - 1, 4), Provider.CPU, 16).defended.percentiles[99] is None


def test_without_a_plain_model_there_is_no_ratio():
    run = run_of([Pair(0, (np.ones(2),))] * 10, None, 1)
    assert run.plain is None
    assert run.ratio is None
    assert run.transfers
    assert math.isclose(run.defended.throughput, 1)
