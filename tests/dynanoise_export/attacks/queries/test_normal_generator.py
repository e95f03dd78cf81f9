import numpy as np
import pytest
from scipy.stats import kstest

from dynanoise_export.attacks.queries.normal_generator import (
    MODULUS,
    MULTIPLIER,
    next_pairs,
    normals,
    predict,
    state_before_pairs,
)
from support.lehmer import Draws, of_linux


@of_linux
@pytest.mark.parametrize("seed", [1, 7, 123_456, 2_000_000_000])
def test_it_draws_what_onnx_runtime_draws(seed):
    draws = Draws(seed)
    calls = [(64, 10), (3, 3), (1, 5), (1, 1), (500, 7)]
    for call, expected in zip(calls, predict(draws.state, calls), strict=True):
        np.testing.assert_allclose(expected, draws(*call), rtol=1e-5, atol=1e-6)


def test_its_constants_are_the_published_ones():
    """Park and Miller (1988): from 1, the state after 10,000 steps is 1043618065."""
    assert pow(MULTIPLIER, 10_000, MODULUS) == 1_043_618_065


def test_pairs_of_many_states_are_those_of_each():
    states = np.random.default_rng(0).integers(1, MODULUS, 200)
    drawn, after = next_pairs(states)
    for state, pair, later in zip(states.tolist(), drawn, after.tolist(), strict=True):
        one, end = normals(state, 2)
        np.testing.assert_array_equal(one, pair)
        assert end == later


@pytest.mark.parametrize("count", [0, 1, 2, 37, 1000])
def test_it_goes_back_to_where_pairs_began(count):
    begin = 987_654_321
    _, state = normals(begin, 2 * count)
    _, after = next_pairs(np.array([state]))
    found = state_before_pairs(int(after[0]) * pow(MULTIPLIER, -1, MODULUS) % MODULUS, count)
    # Points that are not accepted may lie in between: what follows is the same.
    np.testing.assert_array_equal(normals(found, 2 * count + 2)[0], normals(begin, 2 * count + 2)[0])


def test_normals_are_normal():
    drawn, _ = normals(42, 100_001)
    assert drawn.shape == (100_001,)
    assert kstest(drawn, "norm").pvalue > 1e-3
    assert normals(42, 0)[1] == 42
