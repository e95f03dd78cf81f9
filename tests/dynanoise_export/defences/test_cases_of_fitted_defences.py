"""Fitted defences against cases worked by hand, finite differences, and what their papers promise."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from dynanoise_export.defences.evaluator import Evaluator, fit_evaluator
from dynanoise_export.defences.hamp_output import HampOutput
from dynanoise_export.defences.memguard_limit import MemGuardLimit
from dynanoise_export.defences.noise_numbers import noise_numbers
from dynanoise_export.defences.perturbing import by_logits
from dynanoise_export.defences.random_inputs import random_inputs
from dynanoise_export.errors import DataError
from dynanoise_export.fixed_tensors import FixedTensor
from support.fitted_defences import answers_of, fitted, fitting_data
from support.graphs import normals

GENERATOR = np.random.default_rng(0)


def test_hamp_gives_a_row_of_the_bank_in_the_order_of_the_query():
    bank = FixedTensor.of([[0.6, 0.3, 0.1], [0.5, 0.25, 0.25]])
    defence = HampOutput(bank)
    logits = np.array([[0.0, 2.0, 1.0], [3.0, 1.0, 1.0]])
    # In steps of 2^-16 from -8 up, three zeros add up to an even number, and one step more to an odd one.
    odd = np.array([[2.0**-16, 0, 0]])
    np.testing.assert_allclose(defence.defend(logits, np.zeros((2, 3))), [[0.1, 0.6, 0.3], [0.6, 0.3, 0.1]], atol=1e-7)
    np.testing.assert_allclose(defence.defend(logits[:1], odd), [[0.25, 0.5, 0.25]], atol=1e-7)


def test_numbers_of_noise_are_uniform_over_a_bank():
    noise = np.random.default_rng(0).standard_normal((200_000, 2)).astype(np.float32)
    counts = np.bincount(noise_numbers(noise)[:, 0] % 100, minlength=100)
    assert ((counts - 2000) ** 2 / 2000).sum() < 160  # χ² with 99 degrees of freedom; p about 1e-4
    assert (noise_numbers(np.array([[-np.inf, -99.0]])) == 0).all()


def test_random_inputs_lie_in_the_range_of_each_feature_and_are_no_rows():
    rows = {"x": np.array([[0.0, 5.5], [1.0, 7.25]], np.float32)}
    drawn = random_inputs(rows, 500, GENERATOR)["x"]
    assert (drawn.min(axis=0) >= [0, 5.5]).all()
    assert (drawn.max(axis=0) <= [1, 7.25]).all()
    assert (np.ptp(drawn, axis=0) > [0.95, 1.65]).all()
    binary = random_inputs({"x": np.array([[0.0, 1], [1, 0]], np.float32)}, 100, GENERATOR)["x"]
    assert set(map(tuple, binary)) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_random_tokens_come_from_their_place_and_masks_from_one_row():
    rows = {"ids": np.array([[101, 7, 0], [101, 8, 9]]), "mask": np.array([[1, 1, 0], [1, 1, 1]])}
    drawn = random_inputs(rows, 200, GENERATOR)
    assert [set(values) for values in drawn["ids"].T] == [{101}, {7, 8}, {0, 9}]
    assert set(map(tuple, drawn["mask"])) == {(1, 1, 0), (1, 1, 1)}


def test_the_evaluator_s_gradient_is_that_of_finite_differences():
    shapes = ((4, 5), (1, 5), (1, 5), (1, 1))
    evaluator = Evaluator(*(normals(*shape, seed=i, dtype=np.float64) for i, shape in enumerate(shapes)))
    x, step = normals(3, 4, dtype=np.float64), 1e-6
    _, gradient = evaluator.with_gradient(x)
    for feature in range(4):
        to = np.eye(4)[feature] * step
        slope = (evaluator.log_odds(x + to) - evaluator.log_odds(x - to)) / (2 * step)
        np.testing.assert_allclose(gradient[:, [feature]], slope, rtol=1e-6)


def test_the_gradient_by_logits_is_that_of_finite_differences_through_a_softmax():
    a, z, step = np.array([[1.0, -2, 0.5]]), np.array([[0.3, 1, -1]]), 1e-6
    gradient = by_logits(softmax(z, axis=1), a, a[:, 1:2])
    for one in range(3):
        to = np.eye(3)[one] * step
        slope = ((softmax(z + to, axis=1) - softmax(z - to, axis=1)) * a).sum() / (2 * step)
        assert gradient[0, one] == pytest.approx(slope, rel=1e-6)


def test_an_evaluator_learns_the_odds_of_two_normals():
    generator = np.random.default_rng(0)
    member = np.arange(4000) % 2 == 0
    x = generator.standard_normal((4000, 1)) + 2 * member[:, None]  # the log-odds of x are 2x - 2
    evaluator = fit_evaluator(x, member, generator)
    points = np.array([[0.0], [1], [2]])
    np.testing.assert_allclose(expit(evaluator.log_odds(points)), expit(2 * points - 2), atol=0.06)
    with pytest.raises(DataError):
        fit_evaluator(x, np.ones(4000, bool), generator)


def test_memguard_ends_at_even_odds_within_its_budget():
    data, defence = fitting_data(), fitted("memguard", budget=2.0, steps=50, step_size=5)
    logits = data.logits.astype(np.float64)
    answers = defence.defend(logits, np.zeros_like(logits))
    evaluator = Evaluator.of(defence.tensors)
    before, after = (evaluator.log_odds(-np.sort(-p, axis=1)) for p in (answers_of(data), answers))
    assert np.abs(before).mean() > 0.5
    assert np.median(np.abs(after)) < 1e-3
    assert np.abs(after).mean() < np.abs(before).mean() / 2  # some are stuck where no gradient leads out
    assert (np.argsort(-answers, axis=1, kind="stable")[:, 0] == logits.argmax(axis=1)).all()
    bounded = fitted("memguard", budget=0.05, steps=20).defend(logits, np.zeros_like(logits))
    assert np.abs(bounded - answers_of(data)).sum(axis=1).max() <= 0.05 + 1e-4


def test_the_limit_of_memguard_is_one_answer_for_all_and_a_mixture_within_its_budget():
    reference = FixedTensor.of([[0.7, 0.2, 0.1]])
    logits = np.log([[0.5, 0.1, 0.4], [0.98, 0.01, 0.01]])
    whole = MemGuardLimit(reference).defend(logits, logits)
    np.testing.assert_allclose(whole, [[0.7, 0.1, 0.2], [0.7, 0.2, 0.1]], atol=1e-6)
    # The first lies 0.4 away and the second 0.56: with a budget of 0.2 they go a half and 0.2 / 0.56 of the way.
    part = MemGuardLimit(reference, 0.2).defend(logits, logits)
    np.testing.assert_allclose(part[0], [0.6, 0.1, 0.3], atol=1e-6)
    np.testing.assert_allclose(part[1], [0.88, 0.01 + 0.19 / 2.8, 0.01 + 0.09 / 2.8], atol=1e-6)


def test_targeted_leaves_what_is_below_its_threshold_and_moves_no_logit_farther_than_its_strength():
    data, defence = fitting_data(), fitted("targeted", strength=0.5)
    logits = data.logits.astype(np.float64)
    before, after = answers_of(data), defence.defend(logits, np.zeros_like(logits))
    moved = np.abs(after - before).max(axis=1) > 1e-5
    assert moved[data.member].mean() > 0.1
    assert moved[data.member].mean() > moved[~data.member].mean()
    near = np.where(before > 1e-20, before, np.nan)  # the others are at the floor
    shift = np.log(after) - np.log(near)
    # Up to a constant for each row, which a softmax does not see.
    assert (np.nanmax(shift, axis=1) - np.nanmin(shift, axis=1)).max() <= 1 + 1e-4


def test_neighborhood_blending_mixes_with_members_of_the_same_label():
    data = fitting_data()
    logits, noise = data.logits.astype(np.float64), normals(len(data.logits), 6, dtype=np.float64)
    whole = fitted("neighborhood-blending", blend=1.0, neighbours=1.0)
    answers, members = whole.defend(logits, noise), answers_of(data)[data.member]
    # With one neighbour and nothing of the query's own, an answer is a member's.
    nearest = np.abs(answers[:, None] - members[None]).max(axis=2).min(axis=1)
    assert np.quantile(nearest, 0.95) < 1e-5
    half = fitted("neighborhood-blending", blend=0.5, neighbours=1.0).defend(logits, noise)
    np.testing.assert_allclose(half, (answers + answers_of(data)) / 2, atol=2e-6)


def test_a_larger_epsilon_picks_nearer_rows():
    data = fitting_data()
    logits = data.logits.astype(np.float64)
    noise = normals(*logits.shape, dtype=np.float64)
    far, near = (fitted("neighborhood-blending", epsilon=e, blend=1.0).defend(logits, noise) for e in (0.0, 500.0))
    assert np.abs(near - answers_of(data)).mean() < np.abs(far - answers_of(data)).mean() / 2
