"""DynaNoise in ONNX Runtime at the ends of its range, compared with Algorithm 1 in float64 with the same noise."""

import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.source import NoiseSource
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE, defend, normals, parse, run

INF = np.inf
TYPES = {"float": np.float32, "double": np.float64, "float16": np.float16}


def defended(classes: int, dtype: str = "float", batch: str | int = "N", defence=DEFENCE, inline: bool = False):
    """Make a model that passes its input on as logits, and defend it."""
    model = parse(f"g ({dtype}[{batch},{classes}] x) => ({dtype}[{batch},{classes}] z) {{ z = Identity(x) }}")
    defend(model, "z", classes, defence=defence, inline=inline)
    return model


def assert_defended(logits: np.ndarray, model, *parameters: float, seed: int = 0):
    noise = normals(*logits.shape, seed=seed)
    (answer,) = run(model, x=logits, noise=noise)
    assert answer.dtype == np.float32
    assert answer.shape == logits.shape
    expected = algorithm_1(logits, noise, *(parameters or (SIGMA0, LAMBDA, TEMPERATURE)))
    np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 10, 1000, 100_000])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 10.0, 1e4])
@pytest.mark.parametrize("inline", [False, True])
def test_any_number_of_classes_and_any_spread(classes, scale, inline):
    assert_defended(scale * normals(3, classes, seed=9), defended(classes, inline=inline))


EXTREMES = {
    "both ends": [1e4, -1e4, 0],
    "all at one end": [1e4, 1e4, 1e4],
    "all at the other": [-1e4, -1e4, -1e4],
    "the largest float16": [65504, -65504, 0],
    "one sure class": [INF, 1, 2],
    "one impossible class": [-INF, 1, 2],
    "two impossible classes": [-INF, 1, -INF],
    "a sure class and an impossible one": [INF, -INF, 0],
    "equal": [3, 3, 3],
}


# Far from 0, float32 has no digits left for noise that is added to the logit itself.
@pytest.mark.parametrize("case", EXTREMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_the_ends_of_the_range(case, dtype):
    logits = np.array([EXTREMES[case]] * 4, TYPES[dtype])
    assert_defended(logits, defended(3, dtype))


@pytest.mark.parametrize("classes", [10, 1000])
def test_masked_classes_get_probability_0(classes):
    logits = normals(5, classes, seed=9)
    logits[:, ::3] = -INF
    model = defended(classes)
    assert_defended(logits, model)
    assert (run(model, x=logits, noise=normals(5, classes))[0][:, ::3] == 0).all()


def test_a_double_beyond_float32_counts_as_infinite():
    assert_defended(np.array([[1e300, 0.0, 1.0], [-1e300, 0.0, 1.0]]), defended(3, "double"))


@pytest.mark.parametrize("dtype", TYPES)
def test_logits_of_every_float_type(dtype):
    assert_defended((4 * normals(64, 10, seed=9)).astype(TYPES[dtype]), defended(10, dtype))


@pytest.mark.parametrize("rows", [0, 1, 2, 4096])
@pytest.mark.parametrize("inline", [False, True])
def test_batches_of_any_size(rows, inline):
    assert_defended(normals(rows, 10, seed=9), defended(10, inline=inline))


@pytest.mark.parametrize("rows", [0, 1, 4096])
def test_batches_of_any_size_with_random_noise(rows):
    model = parse("g (float[N,10] x) => (float[N,10] z) { z = Identity(x) }")
    defend(model, "z", 10, NoiseSource.RANDOM)
    (answer,) = run(model, x=normals(rows, 10))
    assert answer.shape == (rows, 10)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 7])
def test_a_batch_axis_that_is_fixed(rows):
    model = defended(10, batch=rows)
    assert [list(value.shape) for value in (*model.graph.inputs, *model.graph.outputs)] == [[rows, 10]] * 3
    assert_defended(normals(rows, 10, seed=9), model)


@pytest.mark.parametrize(
    "parameters",
    [(1e-6, 0.0, 1.0), (0.5477, 2.0, 10.0), (5.0, 0.0, 1e-3), (0.1, 1e6, 1.0), (1e6, 2.0, 1e6), (0.01, 0.0, 1e6)],
)
def test_any_parameters(parameters):
    assert_defended(4 * normals(16, 10, seed=9), defended(10, defence=DynaNoise(*parameters)), *parameters)


def test_random_parameters():
    draws = np.random.default_rng(5)
    for seed in range(20):
        parameters = (draws.uniform(0.01, 5), draws.uniform(0, 10), draws.uniform(0.5, 20))
        classes = int(draws.integers(2, 300))
        logits = (draws.uniform(0.1, 20) * draws.standard_normal((8, classes))).astype(np.float32)
        assert_defended(logits, defended(classes, defence=DynaNoise(*parameters)), *parameters, seed=seed)
