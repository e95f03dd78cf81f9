import numpy as np
import pytest

from dynanoise_export.attacks.responses import ModelResponses, joined, merged, summarise

ROWS, CLASSES = 7, 4
Y = np.arange(ROWS) % CLASSES


@pytest.fixture
def log_p():
    """Give nine answers to each row."""
    return np.log(np.random.default_rng(0).dirichlet(np.ones(CLASSES), (9, ROWS)).astype(np.float32))


def spread(log_p):
    centred = log_p - log_p.mean(axis=2, keepdims=True)
    return centred.var(axis=0, ddof=1).mean(axis=1)


def test_several_answers_are_kept_as_mean_spread_and_correct_labels(log_p):
    exact = log_p.astype(np.float64)
    found = summarise(Y, iter(log_p))
    np.testing.assert_allclose(found.log_p, exact.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.spread, spread(exact), rtol=1e-4)
    np.testing.assert_array_equal(found.correct, (log_p.argmax(axis=2) == Y).sum(axis=0))
    assert found.count == 9


def test_a_single_answer_has_no_spread(log_p):
    assert not summarise(Y, log_p[:1]).spread.any()


@pytest.mark.parametrize("first", [1, 4, 8])
def test_answers_in_two_parts_are_as_if_they_came_at_once(log_p, first):
    together = merged(summarise(Y, log_p[:first]), summarise(Y, log_p[first:]))
    at_once = summarise(Y, log_p)
    np.testing.assert_allclose(together.log_p, at_once.log_p, atol=1e-5)
    np.testing.assert_allclose(together.spread, at_once.spread, rtol=1e-4)
    np.testing.assert_array_equal(together.correct, at_once.correct)
    assert together.count == 9


def test_batches_follow_each_other(log_p):
    one = summarise(Y, log_p)
    both = joined([one, one])
    np.testing.assert_array_equal(both.log_p, np.concatenate([one.log_p] * 2))
    assert both.count == 9


def test_equal_answers_have_no_spread_whatever_the_sums_round(log_p):
    same = np.repeat(log_p[:1] * 77.7, 16, axis=0)
    assert not summarise(Y, same).spread.any()
    assert not merged(summarise(Y, same[:1]), summarise(Y, same[1:])).spread.any()


def test_queries_per_row_count_repeats_once(log_p):
    one, nine = summarise(Y, log_p[:1]), summarise(Y, log_p)
    both = ModelResponses({1: one, 9: nine})
    assert both.queries_per_row == 9
    assert both.asked([4]).queries_per_row == 1
