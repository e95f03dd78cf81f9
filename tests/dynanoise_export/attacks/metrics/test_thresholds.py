"""The best threshold, against all thresholds tried one by one."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from dynanoise_export.attacks.metrics.thresholds import best_threshold


def tried(scores, member):
    return max(balanced_accuracy_score(member, scores >= cut) for cut in [*np.unique(scores), np.inf])


@pytest.mark.parametrize("values", [2, 4, 30, None])
@pytest.mark.parametrize("members", [1, 10, 25])
@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_is_better(values, members, seed):
    rng = np.random.default_rng(seed)
    member = rng.permutation(40) < members
    scores = rng.normal(size=40) + member
    if values is not None:
        scores = np.round(scores * values / 6)
    cut = best_threshold(scores, member)
    assert balanced_accuracy_score(member, scores >= cut) == pytest.approx(tried(scores, member), rel=1e-12)


def test_it_is_halfway_between_two_scores():
    assert best_threshold(np.array([3.0, 2.0, 1.0]), np.array([True, False, False])) == 2.5


@pytest.mark.parametrize(
    ("scores", "member"),
    [
        ([0, 0, 0, 0], [True, True, False, False]),
        ([0, 1, 2, 3], [True, True, False, False]),
        ([1, 1, 0, 0], [True, False, True, False]),
        ([np.inf, np.inf, np.inf, np.inf], [True, True, False, False]),
        ([-np.inf, -np.inf, 0, 0], [True, False, True, False]),
    ],
)
def test_if_no_threshold_beats_chance_nobody_is_called_a_member(scores, member):
    assert best_threshold(np.array(scores, dtype=float), np.array(member)) == np.inf


def test_rounding_makes_no_threshold_of_many_useless_scores():
    member = np.arange(1_000_000) % 3 == 0
    assert best_threshold(np.zeros(1_000_000), member) == np.inf
    # Each score occurs in both sets with the same shares, so no threshold gains anything.
    assert best_threshold(np.arange(999_999) // 3.0, member[:-1]) == np.inf


def test_rows_with_nan_are_left_out():
    scores, member = np.array([3.0, np.nan, 1.0, np.nan]), np.array([True, False, False, True])
    assert best_threshold(scores, member) == 2
    assert best_threshold(np.full(4, np.nan), member) == np.inf
    assert best_threshold(np.array([1.0, np.nan]), np.array([True, False])) == np.inf


def test_equal_infinite_scores_are_on_the_same_side():
    member = np.array([True, True, False, False, False])
    cut = best_threshold(np.array([np.inf, np.inf, np.inf, 0.0, -1.0]), member)
    assert 0 < cut <= np.inf


@pytest.mark.parametrize(
    ("score", "other"),
    [(np.nextafter(1, 2), 1), (1, np.nextafter(1, 0)), (1, -np.inf), (np.inf, 1), (np.inf, -np.inf)],
)
def test_a_threshold_is_never_on_the_other_side(score, other):
    scores, member = np.array([score, other, other], dtype=float), np.array([True, False, False])
    assert (scores >= best_threshold(scores, member)).tolist() == member.tolist()
