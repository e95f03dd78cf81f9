"""Where the defence goes: the logits behind a classifier's output, found by structure."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from dynanoise_export.graph.logits import Ending, Scale, behind
from support.graphs import parse, run

WEIGHTS = (
    "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[4] c = {1,2,3,4}, "
    "float[4,4] v = {1,0,0,0, 1,0,0,0, 0,1,0,0, 0,0,1,0}>"
)


def classifier(body: str, opset: int = 17, output: str = "float[N,4] y"):
    return parse(f"g (float[N,3] x) => ({output}) {WEIGHTS} {{ z = MatMul(x, w)\n {body} }}", opset=opset)


def found(body: str, opset: int = 17, output: str = "float[N,4] y"):
    return behind(classifier(body, opset, output).graph.outputs[0])


MAX = "m = ReduceMax<axes=[-1], keepdims=1>(z)\n d = Sub(z, m)\n"
SUM = "s = ReduceSum<axes=[{axis}], keepdims=1>(e)\n y = Div(e, s)"
AXIS_INPUT = "a = Constant<value_ints=[{axis}]>()\n s = ReduceSum<keepdims=1>(e, a)\n y = Div(e, s)"


SOFTMAXES = {
    "softmax": ("y = Softmax<axis=-1>(z)", 17),
    "softmax, axis 1": ("y = Softmax<axis=1>(z)", 17),
    "softmax of opset 11, axis 1 by default": ("y = Softmax(z)", 11),
    "softmax of opset 13, axis -1 by default": ("y = Softmax(z)", 13),
    "log-softmax": ("y = LogSoftmax<axis=-1>(z)", 17),
    "softmax, identity": ("p = Softmax<axis=-1>(z)\n y = Identity(p)", 17),
    "softmax, two casts": ("p = Softmax<axis=-1>(z)\n h = Cast<to=11>(p)\n y = Cast<to=1>(h)", 17),
    "softmax, cast, identity": ("p = Softmax<axis=-1>(z)\n h = Cast<to=1>(p)\n y = Identity(h)", 17),
    "log of softmax": ("p = Softmax<axis=-1>(z)\n y = Log(p)", 17),
    "exp of log-softmax": ("p = LogSoftmax<axis=-1>(z)\n y = Exp(p)", 17),
    "decomposed, opset 11": ("e = Exp(z)\n" + SUM.format(axis=-1), 11),
    "decomposed, opset 12": ("e = Exp(z)\n" + SUM.format(axis=1), 12),
    "decomposed, less the maximum, opset 11": (MAX + "e = Exp(d)\n" + SUM.format(axis=1), 11),
    "decomposed, opset 13": ("e = Exp(z)\n" + AXIS_INPUT.format(axis=-1), 13),
    "decomposed, less the maximum, opset 17": (MAX + "e = Exp(d)\n" + AXIS_INPUT.format(axis=1), 17),
    "decomposed, less the maximum, opset 18": (
        "b = Constant<value_ints=[-1]>()\n m = ReduceMax<keepdims=1>(z, b)\n d = Sub(z, m)\n e = Exp(d)\n"
        + AXIS_INPUT.format(axis=-1),
        18,
    ),
    "log of a decomposed softmax": (
        "e = Exp(z)\n" + AXIS_INPUT.format(axis=-1).replace("y", "p") + "\n y = Log(p)",
        17,
    ),
}


@pytest.mark.parametrize("form", SOFTMAXES)
def test_the_logits_are_found_behind_a_softmax(form):
    body, opset = SOFTMAXES[form]
    logits = found(body, opset)
    assert (logits.scale, logits.value.name) == (Scale.LOGITS, "z")


@pytest.mark.parametrize("form", SOFTMAXES)
def test_each_form_is_a_softmax(form):
    # Checks the table above: ONNX Runtime and SciPy agree that each form is a softmax of z, or its logarithm.
    body, opset = SOFTMAXES[form]
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    z = x.astype(np.float64) @ np.arange(1, 13).reshape(3, 4)
    is_log = form.startswith("log")
    np.testing.assert_allclose(
        run(classifier(body, opset), x=x)[0], (log_softmax if is_log else softmax)(z, axis=1), rtol=1e-4, atol=1e-6
    )


def test_a_number_subtracted_from_all_classes_does_not_hide_the_logits():
    # With another row's maximum subtracted it is still a softmax: of d, and not of z.
    logits = found("m = ReduceMax<axes=[0], keepdims=1>(z)\n d = Sub(z, m)\n e = Exp(d)\n" + AXIS_INPUT.format(axis=-1))
    assert (logits.scale, logits.value.name) == (Scale.LOGITS, "d")


@pytest.mark.parametrize(
    "body",
    [
        "y = Gemm(z, v)",
        "y = Gemm(z, v, c)",
        "y = MatMul(z, v)",
        "h = MatMul(z, v)\n y = Add(h, c)",
        "h = MatMul(z, v)\n y = Add(c, h)",
    ],
)
def test_the_output_of_a_linear_layer_is_logits(body):
    logits = found(body)
    assert (logits.scale, logits.value.name) == (Scale.LOGITS, "y")


@pytest.mark.parametrize(
    "body",
    [
        "y = Softmax<axis=0>(z)",
        "p = Softmax<axis=0>(z)\n y = Log(p)",
        "p = LogSoftmax<axis=0>(z)\n y = Exp(p)",
        "p = Softmax<axis=-1>(z)\n y = Exp(p)",
        "p = LogSoftmax<axis=-1>(z)\n y = Log(p)",
        "e = Exp(z)\n" + AXIS_INPUT.format(axis=0),
        "e = Exp(z)\n a = Constant<value_ints=[0, 1]>()\n s = ReduceSum<keepdims=1>(e, a)\n y = Div(e, s)",
        "e = Exp(z)\n s = ReduceSum<keepdims=1>(e)\n y = Div(e, s)",
        "e = Exp(z)\n s = ReduceSum<keepdims=0>(e)\n y = Div(e, s)",
        "e = Exp(z)\n f = Abs(z)\n" + AXIS_INPUT.format(axis=-1).replace("(e, a)", "(f, a)"),
        "e = Exp(z)\n" + AXIS_INPUT.format(axis=-1).replace("Div(e, s)", "Div(s, e)"),
        "e = Exp(z)\n" + AXIS_INPUT.format(axis=-1).replace("ReduceSum", "ReduceMean"),
        "e = Abs(z)\n" + AXIS_INPUT.format(axis=-1),
        "p = Softmax<axis=-1>(z)\n y = MatMul(p, v)",  # classes put into groups: probabilities still
        "y = Relu(z)",
        "y = Add(z, z)",
        "p = Softmax<axis=-1>(z)\n q = Softmax<axis=-1>(c)\n h = Add(p, q)\n two = Constant<value_float=2.0>()\n"
        "y = Div(h, two)",
    ],
)
def test_what_only_looks_like_a_softmax_over_the_classes_is_unknown(body):
    logits = found(body, 18 if "ReduceMean" in body else 17)
    assert (logits.scale, logits.value.name) == (Scale.UNKNOWN, "y")


def test_a_softmax_of_another_domain_is_unknown():
    model = parse("g (float[N,3] x) => (float[N,3] y) { y = com.other.Softmax<axis=-1>(x) }", more=', "com.other" : 1')
    assert behind(model.graph.outputs[0]).scale is Scale.UNKNOWN


@pytest.mark.parametrize("tail", ["y = Sigmoid(z)", "p = Sigmoid(z)\n y = Identity(p)", "y = HardSigmoid(z)"])
def test_a_sigmoid_is_recognised(tail):
    logits = found(tail)
    assert (logits.scale, logits.ending) == (Scale.UNKNOWN, Ending.SIGMOID)


def test_the_walk_stops_at_a_cast_to_whole_numbers():
    # Softmax, then rounded to 0 or 1: a label, and the probabilities behind it never left the model.
    logits = found("p = Softmax<axis=-1>(z)\n h = Cast<to=7>(p)\n y = Cast<to=1>(h)")
    assert (logits.scale, logits.value.name) == (Scale.UNKNOWN, "y")


def test_an_output_that_is_an_input_is_unknown():
    model = parse("g (float[N,4] x) => (float[N,4] x) { y = Relu(x) }")
    assert behind(model.graph.outputs[0]).scale is Scale.UNKNOWN
