"""What attaching a defence changes in a graph, and what it leaves."""

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.errors import DefenceError, UnsupportedModelError
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale, behind
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.random_noise import RandomNoise
from dynanoise_export.noise.source import NoiseSource
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE, defend, normals, parse, run

WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"
W = np.arange(1, 13).reshape(3, 4)


def assert_defended(model, shape=(5, 3), **inputs):
    """Compare a defended classifier x·w with Algorithm 1."""
    x, noise = normals(*shape), normals(shape[0], 4, seed=2)
    (answer,) = run(model, x=x, noise=noise, **inputs)
    np.testing.assert_allclose(answer, algorithm_1(x @ W, noise, SIGMA0, LAMBDA, TEMPERATURE), atol=1e-5)


@pytest.mark.parametrize("inline", [False, True])
def test_the_defended_probabilities_are_the_only_output_and_the_others_are_named(inline):
    model = parse(
        f"""g (float[N,3] x) => (float[N,4] z, float[N,4] y, int64[N] label, float[N,4] h) {WEIGHTS}
        {{ z = MatMul(x, w)
           y = Softmax<axis=-1>(z)
           label = ArgMax<axis=1, keepdims=0>(y)
           h = Relu(z) }}"""
    )
    attached = defend(model, "z", 4, inline=inline)
    assert attached.dropped == ("y", "label", "h")
    assert [value.name for value in model.graph.outputs] == ["probabilities"]
    assert not {"ArgMax", "Relu"} & {node.op_type for node in model.graph}  # dropped outputs are not computed
    assert attached.noise_input == "noise"
    assert_defended(model)


def test_the_defence_takes_the_place_of_the_softmax():
    model = parse(f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n y = Softmax<axis=-1>(z) }}")
    defend(model, "y", 4)
    assert [node.op_type for node in model.graph] == [
        "MatMul",
        "Reshape",
        "DynaNoise",
    ]  # the width is checked in between
    assert_defended(model)


def test_the_node_shows_its_parameters():
    model = parse(f"g (float[N,3] x) => (float[N,4] z) {WEIGHTS} {{ z = MatMul(x, w) }}")
    defend(model, "z", 4)
    node = model.graph[-1]
    assert (node.domain, node.op_type) == ("ai.dynanoise", "DynaNoise")
    shown = {name: attribute.value for name, attribute in node.attributes.items()}
    assert shown == pytest.approx({"classes": 4, "sigma0": SIGMA0, "lambda_": LAMBDA, "temperature": TEMPERATURE})


def test_inlined_it_needs_no_function_and_no_domain():
    model = parse(f"g (float[N,3] x) => (float[N,4] z) {WEIGHTS} {{ z = MatMul(x, w) }}")
    defend(model, "z", 4, inline=True)
    assert not model.functions
    assert list(model.opset_imports) == [""]
    assert {node.domain for node in model.graph} == {""}
    assert_defended(model)


def test_the_random_source_draws_from_the_live_logits_without_a_seed():
    model = parse(f"g (float[N,3] x) => (float[N,4] z) {WEIGHTS} {{ z = MatMul(x, w) }}")
    defend(model, "z", 4, NoiseSource.RANDOM)
    (called,) = [node for node in model.graph if node.op_type == "RandomNormals"]
    rows = called.inputs[0].producer()
    assert (rows.op_type, rows.inputs[0].name) == ("Reshape", "z")
    (draw,) = model.functions[called.op_identifier()]
    assert draw.op_type == "RandomNormalLike"
    assert dict(draw.attributes) == {"dtype": ir.AttrInt64("dtype", ir.DataType.FLOAT)}
    proto, x = ir.to_proto(model), normals(5, 3)
    first, second = run(proto, x=x)[0], run(proto, x=np.concatenate([x, x]))[0]
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-6)
    assert not np.allclose(second[:5], second[5:], atol=1e-4)


def test_initializers_that_are_inputs_too_can_no_longer_be_overridden():
    model = parse(
        f"g (float[N,3] x, float[3,4] w) => (float[N,4] z) {WEIGHTS} {{ z = MatMul(x, w) }}", ir_version=3, opset=13
    )
    assert [value.name for value in model.graph.inputs] == ["x", "w"]
    defend(model, "z", 4)
    assert [value.name for value in model.graph.inputs] == ["x", "noise"]
    assert model.ir_version == 8  # the first with local functions
    assert_defended(model)


@pytest.mark.parametrize("inline", [False, True])
def test_metadata_and_the_user_s_own_functions_are_kept(inline):
    model = parse(
        f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = user.Layer(x, w)\n y = Softmax<axis=-1>(z) }}",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> Layer (a, b) => (c) { c = MatMul(a, b) }',
    )
    model.metadata_props["labels"] = "cat,dog"
    model.doc_string, model.producer_name = "of pets", "them"
    defend(model, "y", 4, inline=inline)
    assert model.metadata_props["labels"] == "cat,dog"
    assert (model.doc_string, model.producer_name) == ("of pets", "them")
    assert ("user", "Layer", "") in model.functions
    assert model.opset_imports["user"] == 1
    assert_defended(model)


def test_a_softmax_in_a_user_s_function_gives_probabilities():
    model = parse(
        f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n y = user.Soft(z) }}",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> Soft (a) => (b) { b = Softmax<axis=-1>(a) }',
    )
    assert behind(model.graph.outputs[0]).scale is Scale.UNKNOWN
    logits = Logits(model.graph.outputs[0], Scale.PROBABILITIES, "given", floor=1e-12)
    attach(model, logits, 4, DEFENCE, InputNoise())
    assert_defended(model)


def test_the_domains_of_onnx_runtime_are_kept():
    model = parse(
        f"""g (float[N,3] x) => (float[N,4] z) {WEIGHTS}
        {{ h = com.microsoft.FusedMatMul<alpha=2.0>(x, w)
           z = com.microsoft.Gelu(h) }}""",
        more=', "com.microsoft" : 1',
    )
    x, noise = normals(5, 3), normals(5, 4, seed=2)
    (plain,) = run(model, x=x)
    defend(model, "z", 4)
    expected = algorithm_1(plain, noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, noise=noise)[0], expected, atol=1e-5)
    assert model.opset_imports["com.microsoft"] == 1


@pytest.mark.parametrize("inline", [False, True])
def test_a_model_with_a_defence_is_refused(inline):
    model = parse(f"g (float[N,3] x) => (float[N,4] z) {WEIGHTS} {{ z = MatMul(x, w) }}")
    defend(model, "z", 4, inline=inline)
    model.metadata_props["dynanoise.defence"] = "dynanoise"  # as in every exported file, flattened ones too
    with pytest.raises(DefenceError):
        attach(model, behind(model.graph.outputs[0]), 4, DEFENCE, RandomNoise())


def test_the_branches_of_the_user_s_model_are_not_changed():
    model = parse(f"""g (float[N,3] x, bool c) => (float[N,4] y) {WEIGHTS} {{
        z = If (c) <then_branch = a () => (float[N,4] t) {{ t = MatMul(x, w) }},
                    else_branch = b () => (float[N,4] f) {{ h = MatMul(x, w)
                    f = Neg(h) }}>
        y = Softmax<axis=-1>(z) }}""")
    defend(model, "y", 4)
    assert_defended(model, c=np.array(True))
    x, noise = normals(5, 3), normals(5, 4, seed=2)
    expected = algorithm_1(-(x @ W), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(run(model, x=x, c=np.array(False), noise=noise)[0], expected, atol=1e-5)


@pytest.mark.parametrize("noise", list(NoiseSource))
def test_logits_that_are_equal_for_every_query_are_refused(noise):
    model = parse("g (float[N,3] x) => (float[N,3] z) <float[2,4] w = {1,2,3,4,5,6,7,8}> { h = Relu(w)\n z = Relu(x) }")
    with pytest.raises(UnsupportedModelError):
        defend(model, "h", 4, noise)
