"""The twin of a model with keyed noise takes the noise of all grids together, and keeps labels as the model does."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from scipy.special import expit

from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.errors import NoiseError
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale, behind
from dynanoise_export.graph.twin import make_twin
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, KEY, LAMBDA, SIGMA0, TEMPERATURE, normals, parse, run
from support.keyed import PlainKeyedNoise

W = np.arange(1, 13).reshape(3, 4)
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"
TABLES = f"<float[9,4] t = {{{','.join('0' * 36)}}}, int64[9,4] h = {{{','.join('0' * 36)}}}, int64[1] one = {{1}}, "
TABLES += "int64 n = {9}>"
HASH = "c = Cast<to=7>(z)\n g = Gather(h, c)\n s = ReduceSum<keepdims=0>(g, one)\n m = Mod(s, n)\n eta = Gather(t, m)\n"


def defended(grids, *, keep_label=False, inline=False, end="y = Softmax<axis=-1>(z)"):
    """Make a classifier with keyed noise."""
    model = parse(f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n {end} }}")
    defence = keeping_label(DEFENCE, keep_label)
    attach(model, behind(value_named(model, "y")), 4, defence, KeyedNoise(KEY, grids), inline=inline)
    return model


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("grids", [(0.5,), (0.05, 1.0), (0.05, 0.5, 1.0)])
def test_the_noise_of_all_grids_is_one_input(grids, keep_label, inline):
    model = ir.from_proto(ir.to_proto(defended(grids, keep_label=keep_label, inline=inline)))
    x, noise = normals(50, 3), normals(50, 4, seed=2)
    (before,) = run(model, x=x)
    name = make_twin(model)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    assert [value.name for value in model.graph.inputs] == ["x", name]
    z = x.astype(np.float64) @ W
    expected = algorithm_1(z, noise, SIGMA0, LAMBDA, TEMPERATURE)
    (answer,) = run(model, x=x, **{name: noise})
    if keep_label:
        assert (answer.argmax(axis=1) == z.argmax(axis=1)).all()
        answer, expected = np.sort(answer, axis=1), np.sort(expected, axis=1)
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    # Fed the noise of its key and the queries, it answers as before.
    own = PlainKeyedNoise(KEY.secret, grids, 4)(z).astype(np.float32)
    (again,) = run(model, x=x, **{name: own})
    assert (np.abs(again - before) < 1e-5).all(axis=1).mean() > 0.9


def test_a_model_whose_logits_are_a_logarithm_has_a_twin():
    model = parse(f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n s = Sigmoid(z)\n y = Exp(s) }}")
    attach(model, Logits(value_named(model, "y"), Scale.PROBABILITIES, "given"), 4, DEFENCE, KeyedNoise(KEY))
    name = make_twin(model)
    x, noise = normals(5, 3), normals(5, 4, seed=2)
    expected = algorithm_1(expit(x.astype(np.float64) @ W), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, **{name: noise})[0], expected, atol=1e-5)


def test_the_twin_holds_neither_the_function_nor_the_tables():
    model = defended((0.5,))
    (call,) = [node for node in model.graph if node.op_type == "KeyedNormals"]
    assert call.domain == "ai.dynanoise"
    make_twin(model)
    assert not any(node.op_type == "KeyedNormals" for node in model.graph)
    assert not any(name.startswith("dynanoise_table") for name in model.graph.initializers if name)


@pytest.mark.parametrize(
    "end",
    [
        "e = Neg(eta)\n a = Add(z, eta)\n b = Mul(z, e)\n p = Add(a, b)",
        "p = Identity(z)",
        "p = Identity(eta)",
    ],
)
def test_noise_that_meets_the_query_in_no_or_several_places_is_refused(end):
    model = parse(f"g (float[N,4] x) => (float[N,4] p) {TABLES} {{ z = Relu(x)\n {HASH} {end} }}")
    with pytest.raises(NoiseError):
        make_twin(model)
