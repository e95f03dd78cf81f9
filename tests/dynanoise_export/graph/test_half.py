"""A defended model with its body converted to float16."""

import numpy as np
import onnx
import onnx.inliner
import onnx_ir as ir
import pytest

from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.errors import DefenceError
from dynanoise_export.graph import half
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.half import precision_of
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.precision import prepared, to_float16
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Precision
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE, defend, noise_of, normals, parse, run

W1, W2 = normals(30, 40, seed=1) / 5, normals(40, 10, seed=2) / 5
# How the model ends, by the value that the defence takes.
TAILS = {"logits": "z = Identity(l)", "softmax": "z = Softmax<axis=-1>(l)", "probabilities": "z = Softmax<axis=-1>(l)"}
KEEPING = KeptLabel(DEFENCE)


def network(tail="logits") -> ir.Model:
    model = parse(
        "g (float[N,30] x, float[30,40] a, float[40,10] b) => (float[N,10] z) "
        f"{{ h = MatMul(x, a)\n r = Relu(h)\n l = MatMul(r, b)\n {TAILS[tail]} }}"
    )
    for array in (W2, W1):
        value = model.graph.inputs.pop()
        value.const_value = ir.tensor(array, name=value.name)
        model.graph.register_initializer(value)
    return model


def defended(tail="logits", noise=NoiseSource.INPUT, defence=DEFENCE, *, inline=False) -> ir.Model:
    model = network(tail)
    if tail == "probabilities":
        logits = Logits(model.graph.outputs[0], Scale.PROBABILITIES, "given")
        attach(model, logits, 10, defence, noise_of(noise), inline=inline)
    else:
        defend(model, "z", 10, noise, defence, inline=inline)
    if noise is NoiseSource.INPUT:
        model.metadata_props["dynanoise.noise_input"] = "noise"
    return model


def body_to_float16(model: ir.Model) -> ir.Model:
    """Convert the body, without the check of its answers, which needs rows."""
    converted, report = half.body_to_float16(model, lambda body: (to_float16(prepared(body)), len(body.graph.inputs)))
    assert report == 1
    return converted


def logits(x: np.ndarray) -> np.ndarray:
    return np.maximum(x.astype(np.float64) @ W1, 0) @ W2


def dtypes(model: ir.Model) -> dict[str, list[str]]:
    """List the types of the inputs and outputs of each operator, by its name, with all functions flattened."""
    inlined = onnx.inliner.inline_local_functions(ir.to_proto(model))
    inferred = onnx.shape_inference.infer_shapes(inlined, strict_mode=True).graph
    known = {
        value.name: value.type.tensor_type.elem_type
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
    }
    known |= {weight.name: weight.data_type for weight in inferred.initializer}
    seen: dict[str, list[str]] = {}
    for node in inferred.node:
        types = {onnx.TensorProto.DataType.Name(known[name]) for name in (*node.input, *node.output) if name}
        seen.setdefault(node.op_type, []).append(" ".join(sorted(types)))
    return seen


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("defence", [DEFENCE, KEEPING], ids=["plain", "label kept"])
@pytest.mark.parametrize("tail", TAILS)
def test_the_answers_are_near_those_of_float32(tail, defence, inline):
    model = body_to_float16(defended(tail, defence=defence, inline=inline))
    x, noise = normals(64, 30), normals(64, 10, seed=3)
    (answer,) = run(model, x=x, noise=noise)
    expected = algorithm_1(logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE)
    if defence.keep_label:
        assert (answer.argmax(axis=1) == logits(x).argmax(axis=1)).mean() > 0.98  # except near ties
        answer, expected = np.sort(answer), np.sort(expected)
    # float16 has 11 bits: logits of up to 8 are within 0.01, and T divides that by 4.
    np.testing.assert_allclose(answer, expected, atol=5e-3)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", NoiseSource)
def test_the_body_is_float16_and_the_defence_float32(noise, inline):
    model = defended(noise=noise, defence=KEEPING, inline=inline)
    before, after = dtypes(model), dtypes(body_to_float16(model))
    assert before.pop("MatMul")[:2] == ["FLOAT", "FLOAT"]
    assert before.pop("Relu") == ["FLOAT"]
    assert after.pop("MatMul")[:2] == ["FLOAT16", "FLOAT16"]
    assert after.pop("Relu") == ["FLOAT16"]
    # The check of the width is the end of the body.
    assert (before.pop("Reshape"), after.pop("Reshape")) == (["FLOAT INT64"], ["FLOAT16 INT64"])
    # The defence is unchanged behind a cast; its own casts are counted as well.
    assert sorted(after.pop("Cast")) == sorted([*before.pop("Cast"), "FLOAT FLOAT16", "FLOAT FLOAT16"])
    assert (before.pop("Identity", None), after.pop("Identity", None)) == (["FLOAT"], ["FLOAT16"])
    assert before == after
    assert not any("FLOAT16" in types for kinds in after.values() for types in kinds)


def test_keyed_noise_is_that_of_the_answer_s_own_logits():
    """The noise of each row belongs to the float16 logits, which the defence gets."""
    model = body_to_float16(defended(noise=NoiseSource.KEYED, defence=KEEPING))
    x = normals(256, 30, seed=5)
    (answer,) = run(model, x=x)
    give = model.clone()
    cut = next(node for node in give.graph if node.op_type == "KeyedNormals").inputs[0]
    give.graph.outputs[:] = [cut]
    cut.shape, cut.type = ir.Shape(["N", 10]), ir.TensorType(ir.DataType.FLOAT)
    (given,) = run(give, x=x)
    alone = parse("g (float[N,10] v) => (float[N,10] z) { z = Identity(v) }")
    defend(alone, "z", 10, NoiseSource.KEYED, KEEPING)
    np.testing.assert_allclose(run(alone, v=given)[0], answer, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(answer.argmax(axis=1), given.argmax(axis=1))


def test_the_given_model_is_not_changed():
    model = defended(noise=NoiseSource.KEYED)
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    body_to_float16(model)
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before


def test_inputs_outputs_and_metadata_stay_as_they_are():
    model = defended()
    model.metadata_props["labels"] = "cat,dog"
    converted = body_to_float16(model)
    for was, value in zip(
        (*model.graph.inputs, *model.graph.outputs), (*converted.graph.inputs, *converted.graph.outputs), strict=True
    ):
        assert (was.name, was.dtype, was.shape) == (value.name, value.dtype, value.shape)
    assert converted.metadata_props == model.metadata_props
    assert converted.functions.keys() == model.functions.keys()


def test_the_precision_is_found_from_the_weights():
    model = defended()
    assert precision_of(model) is Precision.FP32
    assert precision_of(body_to_float16(model)) is Precision.FP16


def test_a_model_without_a_defence_is_refused():
    with pytest.raises(DefenceError):
        body_to_float16(network())


@pytest.mark.parametrize("other", ["r", "a"])
def test_a_defence_that_takes_more_than_the_logits_is_refused(other):
    """A value of an inner layer, which depends on the query, or a weight that the body uses as well."""
    model = defended(defence=KEEPING)
    label = next(node for node in model.graph if node.op_type == "ArgMax")
    label.replace_input_with(0, next(value for node in model.graph for value in node.inputs if value.name == other))
    with pytest.raises(DefenceError):
        body_to_float16(model)
