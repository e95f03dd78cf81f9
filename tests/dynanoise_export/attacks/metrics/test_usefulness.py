"""Likelihood, Brier score, top accuracy and risk–coverage area, against scikit-learn and against cases by hand."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import brier_score_loss, log_loss, top_k_accuracy_score

from dynanoise_export.attacks.metrics.usefulness import (
    SMALLEST_LOG,
    brier_score,
    negative_log_likelihood,
    risk_coverage_area,
    top_accuracy,
)

CLASSES = 8


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(3)
    logits = 2 * generator.standard_normal((400, CLASSES))
    y = np.array([generator.choice(CLASSES, p=p) for p in softmax(logits, axis=1)])
    return log_softmax(logits, axis=1), y


def test_likelihood_is_scikit_learn_s_log_loss(drawn):
    log_p, y = drawn
    expected = log_loss(y, np.exp(log_p), labels=range(CLASSES))
    assert negative_log_likelihood(log_p, y).value == pytest.approx(expected, rel=1e-12)


def test_a_probability_of_0_counts_as_float32_s_smallest_however_it_is_written():
    y = np.zeros(1, np.int64)
    expected = -np.log(2.0**-126)
    assert pytest.approx(-expected) == SMALLEST_LOG
    for log_p in (SMALLEST_LOG, -200.0, -np.inf):
        assert negative_log_likelihood(np.array([[log_p, 0.0]]), y).value == pytest.approx(expected)


def test_brier_score_of_two_classes_is_twice_scikit_learn_s(drawn):
    p = np.exp(drawn[0][:, 0])
    y = (drawn[1] == 0).astype(np.int64)
    assert brier_score(np.log(np.stack([1 - p, p], axis=1)), y).value == pytest.approx(
        2 * brier_score_loss(y, p), rel=1e-12
    )


def test_brier_score_of_many_classes_is_the_sum_of_those_of_each(drawn):
    log_p, y = drawn
    expected = sum(brier_score_loss(y == one, np.exp(log_p[:, one])) for one in range(CLASSES))
    assert brier_score(log_p, y).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("among", [1, 3, 5])
def test_top_accuracy_is_scikit_learn_s(drawn, among):
    log_p, y = drawn
    expected = top_k_accuracy_score(y, log_p, k=among, labels=range(CLASSES))
    assert top_accuracy(log_p, y, among) == pytest.approx(expected)


def test_ties_among_the_best_are_broken_at_random():
    log_p = np.log(np.array([[0.65, *[0.05] * 7]] * 2))
    # The label is on top, or one of seven equal classes of which four are among the best five.
    assert top_accuracy(log_p, np.array([0, 6]), 5) == pytest.approx((1 + 4 / 7) / 2)


def test_area_is_the_mean_error_of_the_surest_answers():
    # Sorted by confidence: right, wrong, right, wrong.
    p = np.array([0.6, 0.9, 0.7, 0.8])
    log_p, y = np.log(np.stack([p, 1 - p], axis=1)), np.array([1, 0, 0, 1])
    assert risk_coverage_area(log_p, y) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)


def test_area_of_equally_sure_answers_is_their_error_in_any_order():
    log_p = np.log(np.tile([0.9, 0.1], (10, 1)))
    y = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    for order in (y, y[::-1], np.roll(y, 4)):
        assert risk_coverage_area(log_p, order) == pytest.approx(0.3)


def test_area_with_ties_is_the_mean_over_orders_of_equal_answers():
    generator = np.random.default_rng(0)
    p = np.array([0.9, 0.8, 0.8, 0.8, 0.6, 0.6])
    log_p, y = np.log(np.stack([p, 1 - p], axis=1)), np.array([0, 1, 0, 0, 1, 0])
    broken = []
    for _ in range(4000):
        wrong = y[np.lexsort([generator.random(6), -p])]
        broken.append((np.cumsum(wrong) / np.arange(1, 7)).mean())
    assert risk_coverage_area(log_p, y) == pytest.approx(np.mean(broken), abs=4 * np.std(broken) / 4000**0.5)
