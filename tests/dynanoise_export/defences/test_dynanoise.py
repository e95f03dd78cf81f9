import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax, xlogy

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UsageError


def test_the_defaults_are_the_papers_for_cifar_10():
    assert DynaNoise().sigma0 == pytest.approx(0.5477, abs=1e-4)  # √0.3
    assert (DynaNoise().lambda_, DynaNoise().temperature) == (2, 10)


def test_the_base_variance_is_the_square_of_sigma0():
    made = DynaNoise.from_parameters({"base_variance": 0.09, "lambda": 3, "temperature": 5})
    assert made == DynaNoise(0.3, 3, 5)
    assert DynaNoise.from_parameters({"base_variance": 0.3}) == DynaNoise()


def test_sigma0_and_the_base_variance_exclude_each_other():
    with pytest.raises(UsageError):
        DynaNoise.from_parameters({"base_variance": 0.09, "sigma0": 0.3})


@pytest.mark.parametrize("sigma0", [0, -1, math.nan, math.inf, -math.inf, 1e7])
def test_sigma0_out_of_bounds_is_refused(sigma0):
    with pytest.raises(UsageError, match="sigma0"):
        DynaNoise(sigma0=sigma0)


@pytest.mark.parametrize("lambda_", [-0.1, math.nan, math.inf])
def test_lambda_out_of_bounds_is_refused(lambda_):
    with pytest.raises(UsageError, match="lambda"):
        DynaNoise(lambda_=lambda_)


@pytest.mark.parametrize("temperature", [0, -10, 1e-4, math.nan, math.inf])
def test_a_temperature_out_of_bounds_is_refused(temperature):
    with pytest.raises(UsageError, match="temperature"):
        DynaNoise(temperature=temperature)


@pytest.mark.parametrize("variance", [0, -0.3, math.nan, math.inf, 1e13, "0.3", True])
def test_a_base_variance_out_of_bounds_is_refused(variance):
    with pytest.raises(UsageError, match="base_variance"):
        DynaNoise.from_parameters({"base_variance": variance})


def test_the_law_is_the_variance_of_the_paper():
    logits = np.random.default_rng(0).normal(size=(50, 7)) * 3
    p = softmax(logits, axis=1)
    sensitivity = 1 + xlogy(p, p).sum(axis=1, keepdims=True) / np.log(7)
    law = DynaNoise(0.7, 1.5, 4).law
    scale = law.scale(logits)
    np.testing.assert_allclose(scale**2, 0.49 * (1 + 1.5 * sensitivity), rtol=1e-12)
    assert law.temperature == 4
    assert law.variance


@pytest.mark.parametrize("temperature", [0.5, 1, 10])
def test_undo_takes_the_temperature_back_exactly(temperature):
    defence = DynaNoise(0.5, 2, temperature)
    logits, noise = np.random.default_rng(0).standard_normal((2, 50, 7))
    p = softmax(logits, axis=1)
    entropy = -xlogy(p, p).sum(axis=1, keepdims=True)
    noisy = logits + np.sqrt(0.25 * (1 + 2 * (1 - entropy / np.log(7)))) * noise
    undone = defence.undo(np.log(defence.defend(logits, noise)))
    np.testing.assert_allclose(log_softmax(undone, axis=1), log_softmax(noisy, axis=1), rtol=1e-7)


def test_no_probability_moves_further_than_the_lipschitz_bound():
    defence = DynaNoise(0.5, 2, 0.3)
    logits, noise, moves = np.random.default_rng(0).standard_normal((3, 2000, 4))
    moved = 0.01 * np.sign(moves)
    # The noise scale moves with the logits as well, so the bound is for equal noise on the logits: none here.
    before, after = (defence.defend(z, 0 * noise) for z in (logits, logits + moved))
    assert np.abs(before - after).max() <= 0.01 * defence.lipschitz


@pytest.mark.parametrize("answers", [1, 4, 16])
def test_the_mean_answer_has_the_law_of_averaged_answers(answers):
    defence, generator = DynaNoise(0.7, 3, 4), np.random.default_rng(0)
    logits = np.tile([3.0, 1.0, -2.0], (20_000, 1))
    noise = generator.standard_normal((answers, *logits.shape))
    averaged = defence.undo(np.log(defence.defend(logits, noise))).mean(axis=0)
    drawn = defence.mean_answer(logits, answers, generator)
    # Up to a constant for each row: so differences of two classes; 20,000 rows give a deviation to 0.5%.
    for first, second in ((0, 1), (1, 2)):
        there, here = averaged[:, first] - averaged[:, second], drawn[:, first] - drawn[:, second]
        assert there.mean() == pytest.approx(float(logits[0, first] - logits[0, second]), abs=0.05)
        assert here.mean() == pytest.approx(float(there.mean()), abs=0.05)
        assert here.std() == pytest.approx(float(there.std()), rel=0.03)


def test_without_noise_the_answer_is_the_softmax_at_the_temperature():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    answer = DynaNoise(0.5, 2, 4).defend(logits, np.zeros((5, 3)))
    np.testing.assert_allclose(np.log(answer), log_softmax(logits / 4, axis=1), rtol=1e-12)
