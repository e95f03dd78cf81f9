"""The one-run bound on ε, against closed forms, the paper's own algorithm, and randomised response with a known ε."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from dynanoise_export.attacks.metrics.one_run import (
    Guesses,
    choose_guesses,
    epsilon_of_guesses,
    one_run_epsilon,
    p_value,
)


@pytest.mark.parametrize(("correct", "guesses"), [(60, 100), (90, 100), (100, 100), (1000, 1200)])
def test_at_delta_0_it_is_the_log_odds_of_the_exact_bound_of_clopper_and_pearson(correct, guesses):
    low = binomtest(correct, guesses, alternative="greater").proportion_ci(0.95, method="exact").low
    assert epsilon_of_guesses(correct, guesses, 5000) == pytest.approx(max(0, math.log(low / (1 - low))))


def test_with_all_guesses_right_the_bound_has_a_closed_form():
    low = 0.05 ** (1 / 100)
    assert epsilon_of_guesses(100, 100, 100) == pytest.approx(math.log(low / (1 - low)))


@pytest.mark.parametrize(("correct", "guesses"), [(50, 100), (0, 10), (0, 0), (2, 2)])
def test_guesses_that_prove_nothing_give_0(correct, guesses):
    assert epsilon_of_guesses(correct, guesses, 100) == 0
    assert epsilon_of_guesses(correct, guesses, 100, delta=1e-5) == 0


@pytest.mark.parametrize("delta", [1e-6, 1e-4, 1e-3])
def test_the_p_value_is_the_sum_that_the_paper_states(delta):
    rows, guesses, correct, epsilon = 1000, 100, 90, 1.5
    q = 1 / (1 + math.exp(-epsilon))
    tail = sum(binom.pmf(k, guesses, q) for k in range(correct, guesses + 1))
    raised = max(sum(binom.pmf(k, guesses, q) for k in range(correct - i, correct)) / i for i in range(1, correct + 1))
    expected = min(1, tail + 2 * rows * delta * raised)
    assert p_value(correct, guesses, rows, epsilon, delta) == pytest.approx(expected, rel=1e-9)


def test_delta_lowers_the_bound_by_as_much_as_the_p_value_says():
    exact = epsilon_of_guesses(90, 100, 1000)
    previous = exact
    for delta in (1e-9, 1e-5, 1e-4):
        bound = epsilon_of_guesses(90, 100, 1000, delta)
        assert 0 < bound <= previous
        assert p_value(90, 100, 1000, bound, delta) == pytest.approx(0.05, rel=1e-4)
        previous = bound
    assert epsilon_of_guesses(90, 100, 1000, 1e-9) == pytest.approx(exact, abs=1e-3)
    assert epsilon_of_guesses(90, 100, 1000, 0.5) == 0


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_randomised_response_is_not_refuted_more_often_than_1_in_20(epsilon):
    """Each row states its membership, and lies with the probability 1 / (1 + e^ε), which is ε-DP and no less."""
    rng, runs, rows = np.random.default_rng(0), 1000, 400
    bounds = []
    for _ in range(runs):
        member = rng.random(rows) < 0.5
        stated = member ^ (rng.random(rows) > 1 / (1 + math.exp(-epsilon)))
        bounds.append(one_run_epsilon(stated + rng.random(rows) / 2, member, Guesses(100, 100)))
    assert np.mean(np.array(bounds) > epsilon) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert epsilon == 0 or np.median(bounds) > epsilon / 2


def test_the_highest_scores_are_called_members_and_the_lowest_non_members():
    member = np.array([True, True, True, False, True, False, False, False])
    scores = np.array([8.0, 7, 6, 5, 4, 3, 2, 1])
    for guesses, correct in ((Guesses(3, 3), 6), (Guesses(4, 3), 6), (Guesses(0, 4), 3), (Guesses(5, 0), 4)):
        expected = epsilon_of_guesses(correct, sum(guesses), 8)
        assert one_run_epsilon(scores, member, guesses) == expected


def test_the_order_of_rows_with_the_same_score_tells_nothing():
    member = np.arange(2000) < 1000
    for scores in (np.zeros(2000), np.ones(2000)):
        assert one_run_epsilon(scores, member, Guesses(200, 200)) < 0.3
        assert one_run_epsilon(scores, ~member, Guesses(200, 200)) < 0.3


def test_the_numbers_of_guesses_are_those_that_show_most_on_other_models():
    """Of 2,000 rows, the 60 with the highest scores are surely members, and the others tell nothing."""
    rng = np.random.default_rng(0)
    scores, member = rng.random((8, 2000)), rng.random((8, 2000)) < 0.5
    exposed = rng.permuted(np.tile(np.arange(2000) < 120, (8, 1)), axis=1)
    scores[exposed & member] += 1
    chosen = choose_guesses(scores[:7], member[:7])
    assert 35 <= chosen.positive <= 70
    assert chosen.negative <= 10
    assert one_run_epsilon(scores[7], member[7], chosen) > 2
    assert one_run_epsilon(scores[7], member[7], Guesses(1000, 1000)) < 1
    assert choose_guesses(scores[0], member[0]).positive == pytest.approx(chosen.positive, abs=20)


def test_scores_that_tell_nothing_prove_nothing():
    rng = np.random.default_rng(1)
    chosen = choose_guesses(rng.random((4, 500)), rng.random((4, 500)) < 0.5)
    bounds = [one_run_epsilon(rng.random(500), rng.random(500) < 0.5, chosen) for _ in range(200)]
    assert np.mean(np.array(bounds) > 0) < 0.1
