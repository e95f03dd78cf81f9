"""A body in float16 with a defence in float32."""

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.precision import to_float16
from support.algorithm import algorithm_1
from support.graphs import LAMBDA, SIGMA0, TEMPERATURE, defend, normals, parse, run

W1, W2 = normals(30, 40, seed=1) / 5, normals(40, 10, seed=2) / 5
TAILS = {"logits": "z", "softmax": "y", "log-softmax": "y"}


def network(tail: str = "logits") -> ir.Model:
    end = {"logits": "", "softmax": "y = Softmax<axis=-1>(z)", "log-softmax": "y = LogSoftmax<axis=-1>(z)"}[tail]
    model = parse(
        f"g (float[N,30] x, float[30,40] a, float[40,10] b) => (float[N,10] {TAILS[tail]}) "
        f"{{ h = MatMul(x, a)\n r = Relu(h)\n z = MatMul(r, b)\n {end} }}"
    )
    for array in (W2, W1):
        value = model.graph.inputs.pop()
        value.const_value = ir.tensor(array, name=value.name)
        model.graph.register_initializer(value)
    return model


def logits(x: np.ndarray) -> np.ndarray:
    return np.maximum(x.astype(np.float64) @ W1, 0) @ W2


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("tail", TAILS)
def test_the_answers_are_near_those_of_float32(tail, inline):
    model = to_float16(network(tail))
    assert {value.dtype for value in model.graph.initializers.values()} == {ir.DataType.FLOAT16}
    defend(model, TAILS[tail], 10, inline=inline)
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    (answer,) = run(model, x=x, noise=noise)
    assert answer.dtype == np.float32
    # float16 has 11 bits: logits of up to 8 are within 0.01, and T divides that by 4.
    np.testing.assert_allclose(answer, algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE), atol=2e-3)


def test_inputs_and_outputs_stay_as_they_are():
    model = to_float16(network())
    assert [(value.name, value.dtype) for value in model.graph.inputs] == [("x", ir.DataType.FLOAT)]
    assert [(value.name, value.dtype) for value in model.graph.outputs] == [("z", ir.DataType.FLOAT)]


def test_metadata_is_kept():
    model = network()
    model.metadata_props["labels"] = "cat,dog"
    assert to_float16(model).metadata_props["labels"] == "cat,dog"


def test_external_weights_are_converted_too(tmp_path):
    ir.save(network(), tmp_path / "plain.onnx", external_data="plain.data")
    model = to_float16(read_model(tmp_path / "plain.onnx"))
    defend(model, "z", 10)
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    expected = algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, noise=noise)[0], expected, atol=2e-3)
    assert all(v.const_value.nbytes == 2 * v.const_value.size for v in model.graph.initializers.values())


def test_the_given_model_is_not_changed(tmp_path):
    ir.save(network(), tmp_path / "plain.onnx", external_data="plain.data")
    for model in (network(), read_model(tmp_path / "plain.onnx")):
        before = {name: (v.dtype, v.const_value) for name, v in model.graph.initializers.items()}
        to_float16(model)
        assert {name: (v.dtype, v.const_value) for name, v in model.graph.initializers.items()} == before


def test_the_layers_of_the_user_s_functions_are_converted_too():
    model = parse(
        "g (float[N,30] x, float[30,40] a, float[40,10] b) => (float[N,10] z) "
        "{ h = user.Layer(x, a)\n r = Relu(h)\n z = user.Layer(r, b) }",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> Layer (v, w) => (u) { u = MatMul(v, w) }',
    )
    for array in (W2, W1):
        value = model.graph.inputs.pop()
        value.const_value = ir.tensor(array, name=value.name)
        model.graph.register_initializer(value)
    model = to_float16(model)
    defend(model, "z", 10)
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    expected = algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, noise=noise)[0], expected, atol=2e-3)
