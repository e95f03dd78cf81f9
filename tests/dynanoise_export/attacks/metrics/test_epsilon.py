"""The bound on ε, on mechanisms with a known ε."""

import numpy as np
import pytest

from dynanoise_export.attacks.metrics.epsilon import epsilon_lower_bound
from support.draws import often_enough


def randomized_response(rng, epsilon, rows):
    member = np.arange(rows) % 2 == 0
    truthful = rng.random(rows) < 1 / (1 + np.exp(-epsilon))
    return (truthful == member).astype(float), member


def laplace(rng, epsilon, rows):
    member = np.arange(rows) % 2 == 0
    return member + rng.laplace(scale=1 / epsilon, size=rows), member


@pytest.mark.parametrize("mechanism", [randomized_response, laplace])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_it_is_below_the_truth_at_its_confidence(mechanism, epsilon):
    rng = np.random.default_rng(0)
    assert often_enough([epsilon_lower_bound(*mechanism(rng, epsilon, 600)) <= epsilon for _ in range(200)])


@pytest.mark.parametrize("mechanism", [randomized_response, laplace])
def test_with_many_rows_it_is_close_to_the_truth(mechanism):
    bound = epsilon_lower_bound(*mechanism(np.random.default_rng(0), 1.0, 100_000))
    assert 0.85 < bound <= 1


def test_noise_proves_nothing():
    rng = np.random.default_rng(0)
    bounds = [epsilon_lower_bound(rng.normal(size=600), np.arange(600) % 2 == 0) for _ in range(200)]
    assert min(bounds) == 0
    assert often_enough([bound == 0 for bound in bounds])


def test_a_constant_answer_proves_nothing():
    assert epsilon_lower_bound(np.zeros(1000), np.arange(1000) % 2 == 0) == 0


def test_perfect_separation_proves_what_this_many_rows_can():
    """With all of m members found, and none of as many non-members accused: the ratio of two exact bounds."""
    member = np.arange(4000) % 2 == 0
    bound = epsilon_lower_bound(1.0 * member, member)
    judged = [0.025 ** (1 / m) / (1 - 0.025 ** (1 / m)) for m in (900, 1100)]
    assert np.log(judged[0]) < bound < np.log(judged[1])


def test_certain_non_members_prove_as_much_as_certain_members():
    member = np.arange(4000) % 2 == 0
    some = np.random.default_rng(0).random(4000) < 0.3
    found = epsilon_lower_bound(1.0 * (member & some), member)
    acquitted = epsilon_lower_bound(-1.0 * (~member & some), member)
    assert found == pytest.approx(acquitted, abs=0.3)
    assert found > 3


@pytest.mark.parametrize("members", [0, 1, 9, 10])
def test_halves_without_both_sets_prove_nothing(members):
    assert epsilon_lower_bound(np.arange(10.0), np.arange(10) >= 10 - members) == 0
