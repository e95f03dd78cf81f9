"""The twin answers by Algorithm 1 with the noise that it is given."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.errors import NoiseError
from dynanoise_export.graph.provenance import Provenance, write_provenance
from dynanoise_export.graph.twin import make_twin
from dynanoise_export.noise.source import NoiseSource
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE, defend, normals, parse, run

W = np.arange(1, 13).reshape(3, 4)
WEIGHTS = "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}>"
OTHER_DEFENCE = "eta = RandomNormalLike(v)\n n = Add(v, eta)\n q = Softmax<axis=-1>(n)"


def classifier():
    return parse(f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n y = Softmax<axis=-1>(z) }}")


def reopened(model):
    """Give the model as it is read from a file."""
    return ir.from_proto(onnx.load_from_string(ir.to_proto(model).SerializeToString()))


def assert_answers(model, name, expected):
    x, noise = normals(5, 3), normals(5, 4, seed=2)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    assert not any(node.op_type == "RandomNormalLike" for node in model.graph.all_nodes())
    (answer,) = run(model, x=x, **{name: noise})
    np.testing.assert_allclose(answer, expected(x.astype(np.float64) @ W, noise), atol=1e-5)


def dynanoise(z, noise):
    return algorithm_1(z, noise, SIGMA0, LAMBDA, TEMPERATURE)


def plain_noise(z, noise):
    return algorithm_1(z, noise, 1, 0, 1)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("noise", list(NoiseSource))
def test_the_twin_of_an_exported_model(noise, inline):
    model = classifier()
    attached = defend(model, "y", 4, noise, inline=inline)
    stated = Provenance(DEFENCE.name, DEFENCE.parameters, noise, attached.noise_input, "ONNX", "0", {})
    write_provenance(model, stated)
    model = reopened(model)
    name = make_twin(model)
    assert name == "noise"
    (fed,) = [value for value in model.graph.inputs if value.name == name]
    assert (fed.dtype, list(fed.shape)) == (ir.DataType.FLOAT, ["N", 4])
    assert_answers(model, name, dynanoise)


def test_a_draw_within_a_function_is_found():
    model = parse(
        f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = user.Layer(x, w)\n y = user.Head(z) }}",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> Layer (a, b) => (c) { c = MatMul(a, b) }'
        f'<domain: "user", opset_import: ["" : 17]> Head (v) => (q) {{ {OTHER_DEFENCE} }}',
    )
    assert_answers(model, make_twin(model), plain_noise)
    assert ("user", "Layer", "") in model.functions


def test_a_draw_within_a_function_within_a_function_is_found():
    model = parse(
        f"g (float[N,3] x) => (float[N,4] y) {WEIGHTS} {{ z = MatMul(x, w)\n y = user.Outer(z) }}",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17, "user" : 1]> Outer (v) => (q) '
        "{ eta = user.Draw(v)\n n = Add(v, eta)\n q = Softmax<axis=-1>(n) }"
        '<domain: "user", opset_import: ["" : 17]> Draw (a) => (b) { b = RandomNormalLike(a) }',
    )
    assert_answers(model, make_twin(model), plain_noise)


@pytest.mark.parametrize("name", ["v", "noise"])
def test_the_name_of_the_draw_itself_is_free_for_its_input(name):
    defence = OTHER_DEFENCE.replace("eta", name).replace("v,", "z,").replace("(v)", "(z)")
    model = parse(f"g (float[N,3] x) => (float[N,4] q) {WEIGHTS} {{ z = MatMul(x, w)\n {defence} }}")
    assert make_twin(model) == "noise"
    assert_answers(model, "noise", plain_noise)


def test_another_value_may_be_called_noise():
    defence = OTHER_DEFENCE.replace("v", "noise")
    model = parse(f"g (float[N,3] x) => (float[N,4] q) {WEIGHTS} {{ noise = MatMul(x, w)\n {defence} }}")
    name = make_twin(model)
    assert name != "noise"
    assert_answers(model, name, plain_noise)


YES = "yes = Constant<value = bool {1}>()\n"
BRANCH = """q = If (yes) <then_branch = a () => (float[N,4] t) { e = RandomNormalLike(v)
    t = Add(v, e) }, else_branch = b () => (float[N,4] f) { f = Identity(v) }>"""


@pytest.mark.parametrize(
    "defence",
    [
        "q = Softmax<axis=-1>(v)",
        "s = Shape(v)\n eta = RandomNormal<shape=[1,4]>()\n q = Add(v, eta)",
        "a = RandomNormalLike(v)\n b = RandomNormalLike(v)\n c = Add(a, b)\n q = Add(c, v)",
        "a = user.Draw(v)\n b = user.Draw(v)\n c = Add(a, b)\n q = Add(c, v)",
        f"{YES} n = RandomNormalLike(v)\n {BRANCH.replace('Identity(v)', 'Add(v, n)')}",
        YES + BRANCH,
        "eta = RandomNormalLike<scale=2.0>(v)\n q = Add(v, eta)",
        "eta = RandomNormalLike<mean=1.0>(v)\n q = Add(v, eta)",
        "eta = com.other.RandomNormalLike(v)\n q = Add(v, eta)",
    ],
    ids=[
        "no draw", "a draw of a constant", "two draws", "two draws in functions", "a draw and one in a branch",
        "a draw in a branch", "another scale", "another mean", "an operator of another domain",
    ],
)  # fmt: skip
def test_any_model_without_exactly_one_draw_of_standard_normals_is_refused(defence):
    model = parse(
        f"g (float[N,3] x) => (float[N,4] q) {WEIGHTS} {{ v = MatMul(x, w)\n {defence} }}",
        more=', "user" : 1, "com.other" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> Draw (a) => (b) { b = RandomNormalLike(a) }',
    )
    with pytest.raises(NoiseError):
        make_twin(model)


def test_a_noise_input_that_the_graph_does_not_have_is_not_believed():
    model = classifier()
    model.metadata_props["dynanoise.noise_input"] = "noise"
    with pytest.raises(NoiseError):
        make_twin(model)
