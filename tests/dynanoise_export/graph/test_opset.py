"""Models of old opsets: converted up, they answer as before."""

import logging

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from scipy.special import softmax

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.external_data import external_weights
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.graph.opset import convert_up, import_standard_domain
from support.graphs import TEMPERATURE, defend, normals, parse, run

W = "float[16,4] w = {" + ",".join(str(i % 7 - 3) for i in range(64)) + "}"
S = "float[2] s = {1.5, 0.5}, float[2] b = {0.1, -0.1}, float[2] m = {0.0, 0.2}, float[2] v = {1.0, 2.0}"
FILTER = "float[4,2,1,1] f = {1, 2, -1, 0.5, 0, 1, 2, 1}"
CONVOLUTION = "[1,1], pads=[0,0,0,0]"

# From an image [N, 2, 2, 2] to logits z [N, 4], in the form of each opset.
OLD = {
    "a linear layer, 9": (9, "h = Flatten(x)\n h4 = Concat<axis=1>(h, h)\n z = MatMul(h4, w)"),
    "batch normalisation and clip with attributes, 9": (
        9,
        "n = BatchNormalization(x, s, b, m, v)\n c = Clip<min=-1.0, max=1.0>(n)\n h = Flatten(c)\n"
        "d = Dropout<ratio=0.5>(h)\n h4 = Concat<axis=1>(d, h)\n z = MatMul(h4, w)",
    ),
    "convolution and pooling, 9": (9, "c = Conv(x, f)\n r = Relu(c)\n p = GlobalAveragePool(r)\n z = Flatten(p)"),
    "squeeze with axes as attribute, 11": (
        11,
        "c = Conv(x, f)\n p = GlobalAveragePool(c)\n z = Squeeze<axes=[2,3]>(p)",
    ),
    "sums with axes as attribute, 12": (
        12,
        "c = Conv(x, f)\n r = ReduceSum<axes=[2,3], keepdims=0>(c)\n"
        "u = Unsqueeze<axes=[1]>(r)\n z = Squeeze<axes=[1]>(u)",
    ),
    "split, 11": (11, "c = Conv(x, f)\n p = GlobalMaxPool(c)\n q = Flatten(p)\n a, e = Split<axis=1>(q)\n"
                      "z = Concat<axis=1>(e, a)"),
    "slice and pad with attributes, 9": (
        9,
        "c = Conv(x, f)\n l = Slice<starts=[0,0], ends=[1,1], axes=[2,3]>(c)\n z = Flatten(l)",
    ),
}  # fmt: skip


def model_of(name: str, end: str) -> ir.Model:
    opset, body = OLD[name]
    text = f"g (float[N,2,2,2] x) => (float[N,4] {'y' if end else 'z'}) <{W}, {S}, {FILTER}> {{ {body}\n {end} }}"
    return parse(text, opset=opset, ir_version=6)


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("end", ["", "y = Softmax<axis=1>(z)", "y = Softmax(z)"])
@pytest.mark.parametrize("name", OLD)
def test_a_converted_model_answers_as_before(name, end, opset):
    x = normals(3, 2, 2, 2)
    (z,) = run(model_of(name, ""), x=x)
    model = model_of(name, end)
    convert_up(model, opset)
    assert model.opset_imports[""] == opset
    defend(model, "y" if end else "z", 4)
    (answer,) = run(model, x=x, noise=np.zeros((3, 4), np.float32))
    np.testing.assert_allclose(answer, softmax(z.astype(np.float64) / TEMPERATURE, axis=1), atol=1e-6)


def test_a_model_of_this_opset_or_a_later_one_is_not_changed():
    for opset in (13, 17):
        model = parse("g (float[N,4] x) => (float[N,4] z) { z = Relu(x) }", opset=opset)
        before = ir.to_proto(model).SerializeToString()
        convert_up(model, 13)
        assert ir.to_proto(model).SerializeToString() == before


@pytest.mark.parametrize("opset", [1, 7, 8])
def test_an_opset_before_9_is_refused(opset):
    with pytest.raises(UnsupportedModelError):
        convert_up(parse("g (float[N,4] x) => (float[N,4] z) { z = Relu(x) }", opset=opset), 13)


def test_an_opset_that_onnx_does_not_have_yet_is_refused():
    with pytest.raises(UnsupportedModelError):
        convert_up(parse("g (float[N,4] x) => (float[N,4] z) { z = Relu(x) }"), 99)


def test_an_operator_without_a_conversion_is_refused():
    model = parse("g (float[N,4] x) => (float[N,4] z) { z = NoSuchOperator(x) }", opset=11)
    with pytest.raises(UnsupportedModelError):
        convert_up(model, 13)


def test_metadata_survives_and_other_domains_too():
    model = parse(
        "g (float[N,4] x) => (float[N,4] z) { h = com.microsoft.Gelu(x)\n z = Relu(h) }",
        opset=11,
        more=', "com.microsoft" : 1',
    )
    model.metadata_props["labels"] = "cat,dog"
    x = normals(3, 4)
    (before,) = run(model, x=x)
    convert_up(model, 13)
    assert model.metadata_props["labels"] == "cat,dog"
    np.testing.assert_allclose(run(model, x=x)[0], before)


def test_the_user_s_functions_are_flattened_on_the_way():
    model = parse(
        "g (float[N,4] x) => (float[N,4] z) { z = user.Layer(x) }",
        opset=12,
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 12]> Layer (a) => (c) { b = Neg(a)\n c = Relu(b) }',
    )
    convert_up(model, 13)
    x = normals(3, 4)
    np.testing.assert_array_equal(run(model, x=x)[0], np.maximum(-x, 0))


def test_external_weights_stay_where_they_are(tmp_path):
    weight, bias = normals(40, 50, seed=1), normals(50, seed=2)
    model = parse("g (float[N,40] x, float[40,50] w, float[50] b) => (float[N,50] z) { z = Gemm(x, w, b) }", opset=11)
    for array in (bias, weight):
        value = model.graph.inputs.pop()
        value.const_value = ir.tensor(array, name=value.name)
        model.graph.register_initializer(value)
    ir.save(model, tmp_path / "plain.onnx", external_data="plain.data", size_threshold_bytes=0)
    model = read_model(tmp_path / "plain.onnx")
    convert_up(model, 13)
    assert {tensor.path for _, tensor in external_weights(model)} == {str(tmp_path / "plain.data")}
    write_model(model, tmp_path / "after.onnx")
    session = onnx.load(tmp_path / "after.onnx")
    x = normals(3, 40)
    np.testing.assert_allclose(run(session, x=x)[0], x @ weight + bias, rtol=1e-4, atol=1e-5)


def test_the_converter_s_own_messages_stay_off_the_terminal(caplog):
    logger = logging.getLogger("onnxscript.version_converter")
    with caplog.at_level(logging.INFO, logger.name):
        convert_up(model_of("a linear layer, 9", ""), 13)
        assert caplog.records == []
        assert logger.level == logging.INFO


SCALED = "h = ai.onnx.ml.Scaler <offset: floats = [1.0], scale: floats = [2.0]> (x)"


@pytest.mark.parametrize(("ir_version", "opset", "at_least"), [(3, 13, 7), (8, 13, 8), (10, 13, 10)])
def test_a_missing_import_is_added_to_a_model_without_standard_operators(ir_version, opset, at_least):
    model = parse(
        f"g (float[N,4] x) => (float[N,4] h) {{ {SCALED} }}", ir_version=ir_version, more=', "ai.onnx.ml" : 3'
    )
    del model.opset_imports[""]
    import_standard_domain(model)
    assert model.opset_imports == {"ai.onnx.ml": 3, "": opset}
    assert model.ir_version == at_least


# The newest opset of each version of the format, from ONNX's documentation of its versions.
@pytest.mark.parametrize(("ir_version", "opset"), [(3, 8), (4, 9), (6, 11), (7, 14), (8, 18), (9, 20), (10, 22)])
def test_standard_operators_without_an_import_are_those_of_the_format_s_version(ir_version, opset):
    graph = f"g (float[N,4] x) => (float[N,4] y) {{ {SCALED} y = Neg(h) }}"
    model = parse(graph, ir_version=ir_version, more=', "ai.onnx.ml" : 1')
    del model.opset_imports[""]
    import_standard_domain(model)
    assert model.opset_imports[""] == opset
    assert model.ir_version == ir_version


def test_an_import_stays_as_it_is():
    model = parse("g (float[N,4] x) => (float[N,4] y) { y = Neg(x) }", opset=11)
    import_standard_domain(model)
    assert model.opset_imports == {"": 11}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_operators_of_machine_learning_of_any_version_are_converted_along(version):
    model = parse(
        f'g (float[N,4] x) => (float[N,4] z) {{ {SCALED} n = ai.onnx.ml.Normalizer <norm: string = "L1"> (h)'
        "z = Flatten(n) }",
        opset=9,
        ir_version=6,
        more=f', "ai.onnx.ml" : {version}',
    )
    x = normals(3, 4)
    expected = 2 * (x - 1) / np.abs(2 * (x - 1)).sum(axis=1, keepdims=True)
    convert_up(model, 13)
    assert model.opset_imports == {"": 13, "ai.onnx.ml": version}
    np.testing.assert_allclose(run(model, x=x)[0], expected, rtol=1e-5)
