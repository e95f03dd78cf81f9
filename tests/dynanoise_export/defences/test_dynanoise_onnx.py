import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.source import NoiseSource
from support.algorithm import algorithm_1
from support.defences import defence_alone, in_runtime, operators_left

DEFENCES = st.builds(
    DynaNoise,
    sigma0=st.floats(0.01, 20),
    lambda_=st.floats(0, 20),
    temperature=st.floats(0.5, 50),
)
LOGITS = st.floats(-1e4, 1e4, width=32) | st.sampled_from([0.0, -np.inf])


@st.composite
def queries(draw):
    shape = (draw(st.integers(0, 4)), draw(st.integers(2, 12)))
    logits = draw(arrays(np.float32, shape, elements=LOGITS))
    if shape[0]:
        logits[:, draw(st.integers(0, shape[1] - 1))] = draw(st.sampled_from([0.0, 3.5, np.inf]))
    noise = draw(arrays(np.float32, shape, elements=st.floats(-5, 5, width=32)))
    return logits, noise


@settings(max_examples=200, deadline=None, derandomize=True)
@given(queries(), DEFENCES)
def test_the_graph_follows_algorithm_1_in_float64(query, defence):
    logits, noise = query
    file = in_runtime(defence_alone(defence, logits.shape[1]))
    answer = file.run({"logits": logits, "noise": noise})["probabilities"]
    expected = algorithm_1(logits, noise, defence.sigma0, defence.lambda_, defence.temperature)
    assert answer == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("k", [2, 3, 1000, 100_000])
def test_any_number_of_classes(k):
    generator = np.random.default_rng(k)
    logits, noise = generator.normal(size=(2, 3, k)).astype(np.float32)
    logits *= 5
    file = in_runtime(defence_alone(DynaNoise(1.0, 3.0, 2.0), k))
    answer = file.run({"logits": logits, "noise": noise})["probabilities"]
    assert answer == pytest.approx(algorithm_1(logits, noise, 1.0, 3.0, 2.0), abs=1e-5)


def test_whole_numbers_are_parameters_too():
    answer = in_runtime(defence_alone(DynaNoise(1, 0, 2), 2)).run(
        {"logits": np.zeros((1, 2), np.float32), "noise": np.array([[1, -1]], np.float32)}
    )
    # softmax((1, −1) / 2), since R = 0
    assert answer["probabilities"][0, 0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_a_lone_extreme_logit_of_either_sign():
    logits = np.array([[1e4, 0, 0], [-1e4, 0, 0], [np.inf, 0, 0], [-np.inf, 0, 0]], np.float32)
    noise = np.random.default_rng(0).normal(size=logits.shape).astype(np.float32)
    answer = in_runtime(defence_alone(DynaNoise(), 3)).run({"logits": logits, "noise": noise})["probabilities"]
    expected = algorithm_1(logits, noise, np.sqrt(0.3), 2, 10)
    assert answer == pytest.approx(expected, abs=1e-6)
    assert answer[2, 0] == 1
    assert answer[3, 0] == 0


def test_random_noise_has_the_variance_of_the_paper():
    # With T = 1 and k = 2, log p̂₁ − log p̂₀ − (z₁ − z₀) = η₁ − η₀, of variance 2σ(q)².
    rows = 40_000
    logits = np.tile(np.array([[4.0, 0.0]], np.float32), (rows, 1))
    file = in_runtime(defence_alone(DynaNoise(0.5, 3.0, 1.0), 2, NoiseSource.RANDOM))
    answer = np.log(file.run({"logits": logits})["probabilities"].astype(np.float64))
    difference = answer[:, 0] - answer[:, 1] - 4.0
    p = 1 / (1 + np.exp(-4.0))
    h = -(p * np.log(p) + (1 - p) * np.log(1 - p)) / np.log(2)
    expected = 2 * 0.5**2 * (1 + 3.0 * (1 - h))
    # The variance of n normals has the standard error √(2/n); six of these are one false alarm in a billion.
    assert difference.var() == pytest.approx(expected, rel=6 * np.sqrt(2 / rows))


@pytest.mark.parametrize("lambda_", [10.0, 10.1, 1000.0])
def test_the_sum_is_a_product_only_for_a_small_lambda(lambda_):
    generator = np.random.default_rng(0)
    logits, noise = generator.normal(size=(2, 50, 10)).astype(np.float32)
    model = defence_alone(DynaNoise(1.0, lambda_, 4.0), 10)
    assert ("Gemm" in operators_left(model)) == (lambda_ <= 10)
    answer = in_runtime(model).run({"logits": logits, "noise": noise})["probabilities"]
    assert answer == pytest.approx(algorithm_1(logits, noise, 1.0, lambda_, 4.0), abs=1e-5)


@pytest.mark.parametrize("cut", [np.round, np.trunc])
def test_tf32_moves_the_variance_by_less_than_lambda_over_1024(cut):
    logits = np.random.default_rng(0).normal(size=(2000, 10)) * np.linspace(0, 8, 2000)[:, None]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    addends = np.exp(log_p) * log_p
    mantissa, exponent = np.frexp(addends)  # from 0.5 to 1, which has its first bit before the ten
    in_ten_bits = np.ldexp(cut(mantissa * 2**11) / 2**11, exponent)
    for lambda_ in (2.0, 10.0):
        exact, moved = (1 + lambda_ * (1 + one.sum(axis=1) / np.log(10)) for one in (addends, in_ten_bits))
        assert 0 < np.abs(moved / exact - 1).max() < lambda_ / 1024
