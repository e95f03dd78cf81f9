"""Lowering the opset of a model whose operators mean the same at both."""

import numpy as np
import pytest

from dynanoise_export.exporting import export
from dynanoise_export.graph.lower_opset import lower_opset
from dynanoise_export.graph.model_files import read_model, write_model
from support.graphs import normals, parse, run

CONVOLUTION = (
    "g (float[N,1,4,4] x) => (float[N,3,1,1] y) <float[3,1,2,2] w = {1,2,3,4,5,6,7,8,9,10,11,12}> "
    "{ c = Conv(x, w)\n r = Round(c)\n s = Sin(r)\n y = GlobalAveragePool(s) }"
)


@pytest.mark.parametrize("opset", [22, 23, 24])
def test_operators_that_only_take_more_types_keep_their_meaning(opset):
    # Conv, Round, Sin and GlobalAveragePool all have a new version in opset 22.
    model = parse(CONVOLUTION, opset=opset, ir_version=10)
    x = normals(5, 1, 4, 4)
    before = run(model, x=x)[0]
    assert lower_opset(model, 21)
    assert model.opset_imports[""] == 21
    np.testing.assert_array_equal(run(model, x=x)[0], before)


def test_a_lower_opset_stays():
    model = parse(CONVOLUTION, opset=17)
    assert lower_opset(model, 21)
    assert model.opset_imports[""] == 17


@pytest.mark.parametrize(
    ("opset", "body"),
    [
        (23, "y = RMSNormalization(x, w)"),
        (24, "y = Swish(x)"),
        (23, "q = QuantizeLinear<precision=1>(x, scale)\n y = DequantizeLinear(q, scale)"),
        (22, "c = Constant<value_ints=[1]>()\n b = Cast<to=9>(c)\n"
         "y = If(b) <then_branch = t () => (p) { p = Unheard(x) }, else_branch = e () => (q) { q = Neg(x) }>"),
    ],
)  # fmt: skip
def test_an_operator_that_is_new_or_has_a_new_attribute_keeps_the_opset(opset, body):
    model = parse(
        f"g (float[N,3] x) => (float[N,3] y) <float[3] w = {{1, 2, 3}}, float scale = {{1}}> {{ {body} }}",
        opset=opset,
        ir_version=11,
    )
    assert not lower_opset(model, 21)
    assert model.opset_imports[""] == opset


def test_a_new_attribute_that_is_not_used_does_not_matter():
    body = "q = QuantizeLinear(x, scale, zero)\n y = DequantizeLinear(q, scale, zero)"
    text = f"g (float[N,3] x) => (float[N,3] y) <float scale = {{0.5}}, uint8 zero = {{9}}> {{ {body} }}"
    model = parse(text, opset=23, ir_version=11)
    x = normals(5, 3)
    before = run(model, x=x)[0]
    assert lower_opset(model, 21)
    np.testing.assert_array_equal(run(model, x=x)[0], before)


def test_local_functions_are_lowered_too():
    function = '<domain: "own", opset_import: ["" : 22]> Twice (a) => (b) { s = Sin(a)\n b = Add(s, s) }'
    text = "g (float[N,3] x) => (float[N,3] y) { y = own.Twice(x) }"
    model = parse(text, opset=22, ir_version=10, more=', "own" : 1', functions=function)
    x = normals(5, 3)
    assert lower_opset(model, 21)
    assert [held.opset_imports[""] for held in model.functions.values()] == [21]
    np.testing.assert_allclose(run(model, x=x)[0], 2 * np.sin(x), atol=1e-6)


def test_a_model_of_opset_22_gets_random_noise(tmp_path):
    model = parse("g (float[N,3] x) => (float[N,3] y) { y = Sin(x) }", opset=22, ir_version=10)
    write_model(model, tmp_path / "plain.onnx")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx")
    assert read_model(tmp_path / "defended.onnx").opset_imports[""] == 21
