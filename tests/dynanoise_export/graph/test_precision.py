"""A body in float16 with a defence in float32."""

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.precision import prepared, to_float16
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
    model = to_float16(prepared(network(tail)))
    assert {value.dtype for value in model.graph.initializers.values()} == {ir.DataType.FLOAT16}
    defend(model, TAILS[tail], 10, inline=inline)
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    (answer,) = run(model, x=x, noise=noise)
    assert answer.dtype == np.float32
    # float16 has 11 bits: logits of up to 8 are within 0.01, and T divides that by 4.
    np.testing.assert_allclose(answer, algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE), atol=2e-3)


def test_inputs_and_outputs_stay_as_they_are():
    model = to_float16(prepared(network()))
    assert [(value.name, value.dtype) for value in model.graph.inputs] == [("x", ir.DataType.FLOAT)]
    assert [(value.name, value.dtype) for value in model.graph.outputs] == [("z", ir.DataType.FLOAT)]


def test_metadata_is_kept():
    model = network()
    model.metadata_props["labels"] = "cat,dog"
    assert to_float16(prepared(model)).metadata_props["labels"] == "cat,dog"


def test_external_weights_are_converted_too(tmp_path):
    ir.save(network(), tmp_path / "plain.onnx", external_data="plain.data")
    model = to_float16(prepared(read_model(tmp_path / "plain.onnx")))
    defend(model, "z", 10)
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    expected = algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, noise=noise)[0], expected, atol=2e-3)
    weights = [v.const_value for v in model.graph.initializers.values() if v.dtype is not ir.DataType.INT64]
    assert all(weight.nbytes == 2 * weight.size for weight in weights)  # the other is the shape of the scores


def test_the_given_model_is_not_changed(tmp_path):
    ir.save(network(), tmp_path / "plain.onnx", external_data="plain.data")
    for model in (network(), read_model(tmp_path / "plain.onnx")):
        before = {name: (v.dtype, v.const_value) for name, v in model.graph.initializers.items()}
        to_float16(prepared(model))
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
    model = to_float16(prepared(model))
    defend(model, "z", 10)
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    expected = algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, noise=noise)[0], expected, atol=2e-3)


def types_of(model: ir.Model) -> dict[str, ir.DataType]:
    """Give the type of the first output of each operator, by its name."""
    return {node.op_type: node.outputs[0].dtype for node in model.graph if node.op_type != "Cast"}


def test_a_kept_node_takes_an_input_that_float16_can_t_hold():
    model = prepared(
        parse(
            "g (float[N,2] x) => (float[N,2] z) <float[2] large = {1000000.0, 2000000.0}, float[1] half = {0.5}> "
            "{ h = Div(x, large)\n z = Mul(h, half) }"
        )
    )
    (kept,) = [node.name for node in model.graph if node.op_type == "Div"]
    half = to_float16(model, [kept])
    assert types_of(half) == {"Div": ir.DataType.FLOAT, "Mul": ir.DataType.FLOAT16}
    assert [node.op_type for node in half.graph] == ["Div", "Cast", "Mul", "Cast"]
    x = np.array([[3e6, -8e6], [1e5, 1e5]], np.float32)
    np.testing.assert_allclose(run(half, x=x)[0], x / [1e6, 2e6] / 2, rtol=1e-3)


def test_a_kept_node_and_another_can_share_a_weight_and_a_value():
    model = prepared(
        parse(
            "g (float[N,2] x) => (float[N,2] z) <float[2] w = {0.1, 0.3}> "
            "{ a = Neg(x)\n b = Mul(a, w)\n c = Mul(a, a)\n d = Add(b, c)\n z = Sub(d, w) }"
        )
    )
    kept = [node.name for node in model.graph if node.op_type in ("Mul", "Sub")]
    half = to_float16(model, kept)
    w = np.array([0.1, 0.3], np.float32)
    held = [np.asarray(v.const_value.numpy(), np.float32) for v in half.graph.initializers.values()]
    assert all(np.array_equal(tensor, w) for tensor in held)  # 0.1 is not rounded
    x = normals(16, 2)
    np.testing.assert_allclose(run(half, x=x)[0], -x * w + x * x - w, atol=5e-3)


def test_the_last_node_can_be_kept():
    model = prepared(network())
    *_, last = model.graph
    half = to_float16(model, [last.name])
    assert last.op_type == "MatMul"
    assert half.graph.outputs[0].producer().op_type == "MatMul"
    assert half.graph.outputs[0].name == "z"
    assert types_of(half)["MatMul"] is ir.DataType.FLOAT
    np.testing.assert_allclose(run(half, x=normals(16, 30))[0], logits(normals(16, 30)), atol=2e-2)


def test_constants_in_any_form_are_converted():
    model = prepared(
        parse(
            "g (float[N,2] x) => (float[N,2] z) { a = Constant<value_float = 0.5>()\n b = Mul(x, a)\n "
            "c = Constant<value_floats = [1.0, 2.0]>()\n z = Add(b, c) }"
        )
    )
    np.testing.assert_allclose(run(to_float16(model), x=normals(4, 2))[0], normals(4, 2) / 2 + [1, 2], atol=2e-3)


def test_quantised_operators_keep_their_scales():
    model = prepared(
        parse(
            "g (float[N,2] x) => (float[N,2] z) <float s = {0.01}, uint8 p = {128}> "
            "{ a = Neg(x)\n q = QuantizeLinear(a, s, p)\n d = DequantizeLinear(q, s, p)\n z = Neg(d) }"
        )
    )
    np.testing.assert_allclose(run(to_float16(model), x=normals(8, 2) / 3)[0], normals(8, 2) / 3, atol=0.011)


@pytest.mark.parametrize(("operator", "converted"), [("Add", True), ("Max", False)])
def test_a_branch_is_converted_unless_it_holds_an_operator_without_float16(operator, converted):
    model = prepared(
        parse(
            "g (float[N,4] x) => (float[N,4] z) <float k = {0.5}> { m = ReduceMean<keepdims = 0>(x)\n "
            "c = Greater(m, k)\n z = If(c) <then_branch = a () => (float[N,4] u) { u = OPERATOR(x, k) }, "
            "else_branch = b () => (float[N,4] v) { v = Mul(x, k) }> }".replace("OPERATOR", operator)
        )
    )
    if not converted:
        with pytest.raises(UnsupportedModelError, match="Max"):
            to_float16(model)
        return
    half = to_float16(model)
    for shift in (-3, 3):
        x = normals(4, 4) + np.float32(shift)
        np.testing.assert_allclose(run(half, x=x)[0], x + 0.5 if shift > 0 else x / 2, atol=1e-2)
