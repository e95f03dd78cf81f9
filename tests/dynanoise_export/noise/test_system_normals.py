import os

import numpy as np
import pytest
from scipy import stats

from dynanoise_export.noise.system_normals import draw_normals

# Each test of a draw raises a false alarm once in a million runs.
ALARM = 1e-6
DRAWS = (200_000, 10)


@pytest.fixture(scope="module")
def drawn():
    return draw_normals(DRAWS).astype(np.float64)


def test_the_law_is_the_standard_normal(drawn):
    assert stats.kstest(drawn.ravel(), "norm").pvalue > ALARM


def test_mean_and_variance_are_those_of_the_law(drawn):
    n = drawn.size
    assert abs(drawn.mean()) * np.sqrt(n) < stats.norm.isf(ALARM / 2)
    low, high = stats.chi2.ppf([ALARM / 2, 1 - ALARM / 2], n)
    assert low < (drawn**2).sum() < high


def test_the_tails_are_there(drawn):
    beyond = int((np.abs(drawn) > 4).sum())
    assert stats.binomtest(beyond, drawn.size, 2 * stats.norm.sf(4)).pvalue > ALARM


def test_neither_columns_nor_neighbours_nor_halves_are_correlated(drawn):
    # Two columns, two consecutive numbers, and the two of a Box-Muller pair, which are half the array apart.
    flat = drawn.ravel()
    half = flat.size // 2
    pairs = [(drawn[:, i], drawn[:, j]) for i in range(10) for j in range(i)]
    pairs += [(flat[:-1], flat[1:]), (flat[:half], flat[half:]), (flat[:half] ** 2, flat[half:] ** 2)]
    for one, other in pairs:
        assert stats.pearsonr(one, other).pvalue > ALARM / len(pairs)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (0, 4), (2, 3, 7)])
def test_the_shape_is_the_requested_one(shape):
    drawn = draw_normals(shape)
    assert drawn.shape == shape
    assert drawn.dtype == np.float32


@pytest.mark.parametrize(("byte", "largest"), [(b"\x00", 8.58), (b"\xff", 1e-7)])
def test_the_outermost_bits_give_finite_numbers(monkeypatch, byte, largest):
    # Uniforms of 2^-53 and of 1: sqrt(2 · 53 · log 2) = 8.57 is the largest number that there is.
    monkeypatch.setattr(os, "urandom", lambda count: byte * count)
    drawn = draw_normals((4,))
    assert np.isfinite(drawn).all()
    assert np.abs(drawn).max() <= largest


def test_no_two_draws_are_the_same_and_no_seed_matters():
    np.random.seed(0)
    first = draw_normals((1000,))
    np.random.seed(0)
    assert not np.isin(first, draw_normals((1000,))).all()
    assert len(np.unique(first)) > 990
