import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.dynanoise_reference import defend, noise_scale
from dynanoise_export.defences.sensitivity import sensitivity
from support.algorithm import algorithm_1

PAPER = (math.sqrt(0.3), 2.0, 10.0)  # for CIFAR-10


def test_sensitivity_is_one_minus_scipy_entropy_in_units_of_log_k():
    logits = np.random.default_rng(0).normal(size=(50, 7)) * 3
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 1 - entropy(p, axis=1, base=7)
    assert sensitivity(logits).squeeze(1) == pytest.approx(expected, abs=1e-12)


def test_a_uniform_answer_gets_the_least_noise_and_a_certain_one_the_most():
    uniform, certain = np.zeros((1, 10)), np.array([[100.0] + [0.0] * 9])
    assert noise_scale(uniform, *PAPER[:2]).item() == pytest.approx(math.sqrt(0.3), rel=1e-6)
    assert noise_scale(certain, *PAPER[:2]).item() == pytest.approx(math.sqrt(0.3 * (1 + 2)), rel=1e-6)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_any_leading_shape_and_both_float_types_follow_the_paper(shape, dtype, tolerance):
    logits, noise = np.random.default_rng(1).normal(size=(2, *shape))
    answer = defend(logits.astype(dtype), noise.astype(dtype), 0.7, 1.5, 3.0)
    assert answer.dtype == dtype
    assert answer == pytest.approx(algorithm_1(logits, noise, 0.7, 1.5, 3.0), abs=tolerance)


@pytest.mark.parametrize("extreme", [1e4, -1e4, math.inf, -math.inf])
def test_an_extreme_logit_is_the_limit_of_a_large_one(extreme):
    logits, noise = np.array([[extreme, 0.5, -1.0]]), np.array([[0.3, -2.0, 1.0]])
    assert defend(logits, noise, *PAPER) == pytest.approx(algorithm_1(logits, noise, *PAPER), abs=1e-12)


def test_nan_is_not_hidden():
    assert np.isnan(defend(np.array([[math.nan, 0.0]]), np.zeros((1, 2)), *PAPER)).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])
def test_pytorch_answers_as_numpy_does(dtype, tolerance):
    logits, noise = (5 * np.random.default_rng(2).normal(size=(2, 200, 7))).astype(dtype)
    logits[:3, 0] = [math.inf, -math.inf, 1e30]
    answer = DynaNoise(*PAPER).defend_tensors(torch.from_numpy(logits), torch.from_numpy(noise)).numpy()
    np.testing.assert_allclose(answer, DynaNoise(*PAPER).defend(logits, noise), atol=tolerance)


def test_gradients_flow_through_pytorch_where_the_answer_is_certain():
    logits = torch.tensor([[200.0, 0.0, -200.0], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    DynaNoise(*PAPER).defend_tensors(logits, torch.ones_like(logits))[:, 0].sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
