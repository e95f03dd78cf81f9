"""Operators of a foreign model that could hide a channel of its author."""

import onnx_ir as ir
import pytest

from dynanoise_export.graph.hidden_channels import notable_operators
from support.graphs import parse

WEIGHTS = """<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float c = {7}, float[4] lowest = {-9,-9,-9,-9},
    bool on = {1}, float half = {0.5}, float[1,4] much = {9,9,9,9}>"""


def listed(body, inputs="float[N,3] x", more=', "com.other" : 1'):
    model = parse(f"g ({inputs}) => (float[N,4] z) {WEIGHTS} {{ {body} }}", more=more)
    return [one.operator for one in notable_operators(model)]


@pytest.mark.parametrize(
    ("body", "operators"),
    [
        ("y = MatMul(x, w)\n z = Bernoulli(y)", ["Bernoulli"]),
        ("y = MatMul(x, w)\n i = Multinomial<sample_size=4>(y)\n z = Cast<to=1>(i)", ["Multinomial"]),
        ("y = MatMul(x, w)\n r = RandomNormalLike(y)\n z = Add(y, r)", ["RandomNormalLike"]),
        ("y = MatMul(x, w)\n z, m = Dropout(y, half, on)", ["Dropout"]),
        ("m = ReduceMax(x)\n b = Greater(m, c)\n y = MatMul(x, w)\n s = Mul(y, c)\n z = Where(b, s, y)",
         ["Greater", "Where"]),
        ("d = Sub(x, c)\n a = Abs(d)\n b = Less(a, half)\n f = Cast<to=1>(b)\n z = MatMul(f, w)", ["Less"]),
        ("y = MatMul(x, w)\n u = com.other.Trick(y)\n z = Identity(u)", ["com.other::Trick"]),
        ("y = MatMul(x, w)\n n = NonZero(y)\n s = Shape(n)\n t = Cast<to=1>(s)\n u = ReduceSum(t)\n z = Add(y, u)",
         ["NonZero"]),
        ("m = ReduceMax<keepdims=0>(x)\n b = Cast<to=9>(m)\n z = If (b) <then_branch = t () => (float[N,4] a) "
         "{ a = MatMul(x, w) }, else_branch = e () => (float[N,4] a) { a = Identity(much) }>", ["If"]),
    ],
)  # fmt: skip
def test_what_could_hide_a_channel_is_listed(body, operators):
    assert listed(body) == operators


@pytest.mark.parametrize(
    "body",
    [
        "z = MatMul(x, w)",
        "y = MatMul(x, w)\n z, m = Dropout(y)",
        "y = MatMul(x, w)\n r = Relu(y)\n z = Clip(r)",
        "y = MatMul(x, w)\n b = Greater(y, c)\n z = Where(b, y, lowest)",  # a threshold on features
        "y = MatMul(x, w)\n i, k = TopK(y, n)\n z = Identity(i)",
        "s = Shape(x)\n k = ConstantOfShape(s)\n y = Add(x, k)\n z = MatMul(y, w)",
    ],
)
def test_ordinary_operators_are_not_listed(body):
    body = body.replace("TopK(y, n)", "TopK(y, four)").replace(
        "y = MatMul(x, w)\n i", "four = Constant<value_ints=[4]>()\n y = MatMul(x, w)\n i"
    )
    assert listed(body) == []


def test_what_stands_behind_the_logits_is_not_listed():
    model = parse(f"g (float[N,3] x) => (float[N,4] p) {WEIGHTS} "
                  "{ z = MatMul(x, w)\n r = RandomNormalLike(z)\n y = Add(z, r)\n p = Softmax(y) }")  # fmt: skip
    scores = next(value for node in model.graph for value in node.outputs if value.name == "z")
    assert isinstance(scores, ir.Value)
    assert notable_operators(model, scores) == ()
    assert len(notable_operators(model)) == 1
