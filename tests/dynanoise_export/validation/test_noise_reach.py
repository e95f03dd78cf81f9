"""Which classes of which answers noise changes."""

import numpy as np
import pytest

from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.noise_reach import reaches_every_class
from support.noisy import softmax


def answers_to(logits, sigma=1.0, draws=3):
    noise = np.random.default_rng(0).standard_normal((draws, *np.shape(logits)))
    with np.errstate(invalid="ignore"):
        return np.stack([softmax(np.asarray(logits) + sigma * one) for one in noise]).astype(np.float32)


def judged(logits, **options):
    check = reaches_every_class(answers_to(logits, **options))
    return check.outcome, check.value


def test_noise_that_changes_everything_passes():
    assert judged(np.random.default_rng(1).standard_normal((50, 5))) == (Outcome.PASSED, 0)
    assert judged(np.zeros((50, 2))) == (Outcome.PASSED, 0)


def test_a_one_hot_answer_and_a_class_of_minus_infinity_fail():
    logits = np.zeros((4, 3))
    logits[0, 1:] = -np.inf  # the row leaves as it came in
    logits[1, 2] = -np.inf
    assert judged(logits) == (Outcome.FAILED, 4)


def test_a_class_that_is_nearly_certain_counts_as_reached_if_the_others_are():
    assert judged([[20.0, 0.0, 1.0]]) == (Outcome.PASSED, 0)
    assert answers_to([[20.0, 0.0, 1.0]])[:, 0, 0].min() > 1 - 1e-6


def test_logits_so_far_apart_that_the_others_underflow_leave_the_row_as_it_was():
    assert judged([[200.0, 0.0, 1.0]]) == (Outcome.FAILED, 3)


def test_dead_noise_and_answers_that_are_not_numbers_fail():
    assert judged(np.zeros((2, 3)), sigma=0.0) == (Outcome.FAILED, 6)
    assert judged([[np.nan, 0.0, 1.0]]) == (Outcome.FAILED, 3)


def test_one_draw_of_three_is_enough_to_reach_a_class():
    answers = answers_to(np.zeros((2, 3)))
    answers[1] = answers[0]
    assert reaches_every_class(answers).passed


@pytest.mark.parametrize("zero", [False, True])
def test_if_the_noise_repeats_only_exact_zeros_are_not_reached(zero):
    answers = np.repeat(answers_to(np.zeros((2, 3)))[:1], 2, axis=0)
    answers[:, 1, 0] *= not zero
    check = reaches_every_class(answers, repeats=True)
    assert (check.outcome, check.value) == ((Outcome.FAILED, 1) if zero else (Outcome.PASSED, 0))


def test_answers_of_another_shape_are_not_judged():
    assert reaches_every_class(np.zeros((2, 5))).outcome is Outcome.NOT_RUN
