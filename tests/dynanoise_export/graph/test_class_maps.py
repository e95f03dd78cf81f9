"""ZipMap, with which scikit-learn's converters end a classifier, and the names of the classes."""

import numpy as np
import onnx
import pytest

from dynanoise_export.graph.class_maps import class_names
from dynanoise_export.graph.map_types import other_type
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.values import value_named
from support.graphs import normals, run

MAP = "seq(map(int64, float[]))"
ZIP = "ai.onnx.ml.ZipMap <classlabels_int64s: ints = [7, -3, 40]>"


def read(folder, graph, more=""):
    head = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>'
    onnx.save(onnx.parser.parse_model(f"{head}\n{graph}\n{more}"), folder / "model.onnx")
    return read_model(folder / "model.onnx")


def operators(model):
    return [node.op_type for node in model.graph.all_nodes()]


def test_the_probabilities_become_the_output_under_its_name(tmp_path):
    model = read(tmp_path, f"g (float[N,3] x) => ({MAP} p) {{ y = Softmax(x) p = {ZIP} (y) }}")
    assert operators(model) == ["Softmax", "Identity"]
    (output,) = model.graph.outputs
    assert (output.name, output.dtype.name, list(output.shape)[1]) == ("p", "FLOAT", 3)
    x = normals(4, 3)
    (answer,) = run(model, x=x)
    maps = _original(tmp_path, x)
    np.testing.assert_array_equal(answer, [[row[7], row[-3], row[40]] for row in maps])
    assert class_names(model, output, 3) == ("7", "-3", "40")


def _original(folder, x):
    return run(onnx.load(folder / "model.onnx"), x=x)[0]


def test_names_may_be_texts(tmp_path):
    names = "classlabels_strings: strings = ['cat', 'dog', 'é']".replace("'", '"')
    model = read(
        tmp_path,
        f"g (float[N,3] x) => (seq(map(string, float[])) p) {{ p = ai.onnx.ml.ZipMap <{names}> (x) }}",
    )
    assert class_names(model, model.graph.outputs[0], 3) == ("cat", "dog", "é")


def test_probabilities_that_are_used_elsewhere_keep_their_name(tmp_path):
    model = read(
        tmp_path,
        f"g (float[N,3] x) => (int64[N] label, {MAP} p, float[N,3] y) {{"
        f"y = Softmax(x) p = {ZIP} (y) label = ArgMax <axis = 1, keepdims = 0> (y) }}",
    )
    assert [value.name for value in model.graph.outputs] == ["label", "p", "y"]
    x = normals(4, 3)
    label, p, y = run(model, x=x)
    np.testing.assert_array_equal(p, y)
    np.testing.assert_array_equal(label, y.argmax(axis=1))
    assert class_names(model, value_named(model, "y"), 3) == ("7", "-3", "40")


def test_each_of_several_maps_keeps_its_names(tmp_path):
    other = ZIP.replace("7, -3, 40", "1, 2, 3")
    model = read(tmp_path, f"g (float[N,3] x) => ({MAP} p, {MAP} q) {{ z = Neg(x) p = {ZIP} (x) q = {other} (z) }}")
    p, q = model.graph.outputs
    assert class_names(model, p, 3) == ("7", "-3", "40")
    assert class_names(model, q, 3) == ("1", "2", "3")
    x = normals(2, 3)
    np.testing.assert_array_equal(run(model, x=x)[1], -x)


def test_a_map_without_a_zip_map_stays_without_a_type(tmp_path):
    model = read(tmp_path, f"g ({MAP} x, float[N,3] y) => ({MAP} p, float[N,3] z) {{ p = Identity(x) z = Neg(y) }}")
    assert other_type(model.graph.outputs[0]) == "seq(map(int64, float))"
    assert other_type(model.graph.inputs[0]) == "seq(map(int64, float))"
    assert other_type(model.graph.outputs[1]) is None


def test_types_inside_branches_do_not_matter(tmp_path):
    graph = (
        f"g (float[N,3] x, bool c) => (float[N,3] y) {{ y = If (c) <then_branch = t () => (float[N,3] a) {{ m = {ZIP} "
        "(x) a = Neg(x) }, else_branch = e () => (float[N,3] b) { b = Abs(x) }> }"
    )
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>\n{graph}')
    inner = proto.graph.node[0].attribute[0].g
    kind = onnx.helper.make_sequence_type_proto(
        onnx.helper.make_map_type_proto(onnx.TensorProto.INT64, onnx.helper.make_tensor_type_proto(1, []))
    )
    inner.value_info.append(onnx.helper.make_value_info("m", kind))
    onnx.save(proto, tmp_path / "model.onnx")
    assert "If" in operators(read_model(tmp_path / "model.onnx"))


TREE = """ai.onnx.ml.TreeEnsembleClassifier <class_ids: ints = [0, 1, 2], class_nodeids: ints = [1, 3, 4],
    class_treeids: ints = [0, 0, 0], class_weights: floats = [1.0, 1.0, 1.0], {names}, nodes_falsenodeids: ints = [2, 0,
    4, 0, 0], nodes_featureids: ints = [0, 0, 1, 0, 0], nodes_modes: strings = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ",
    "LEAF", "LEAF"], nodes_nodeids: ints = [0, 1, 2, 3, 4], nodes_treeids: ints = [0, 0, 0, 0, 0],
    nodes_truenodeids: ints = [1, 0, 3, 0, 0], nodes_values: floats = [0.0, 0.0, 0.0, 0.0, 0.0],
    post_transform: string = "NONE"> (x)"""


@pytest.mark.parametrize(
    ("held", "names"),
    [
        ("classlabels_int64s: ints = [5, 6, 9]", ("5", "6", "9")),
        ('classlabels_strings: strings = ["a", "b", "c"]', ("a", "b", "c")),
    ],
    ids=["integers", "texts"],
)
def test_a_classifier_holds_the_names_itself(tmp_path, held, names):
    kind = "string" if "strings" in held else "int64"
    model = read(
        tmp_path, f"g (float[N,2] x) => ({kind}[N] label, float[N,3] p) {{ label, p = {TREE.format(names=held)} }}"
    )
    assert class_names(model, model.graph.outputs[1], 3) == names
    assert class_names(model, model.graph.outputs[1], 4) == ()


def test_names_among_which_a_label_is_looked_up_are_found(tmp_path):
    model = read(
        tmp_path,
        "g (float[N,3] x) => (int64[1,N] label, float[N,3] p) <int64[3] names = {3, 1, 2}> {"
        "p = Softmax(x) i = ArgMax <axis = 1, keepdims = 0> (x) label = ai.onnx.ml.ArrayFeatureExtractor(names, i) }",
    )
    assert class_names(model, model.graph.outputs[1], 3) == ("3", "1", "2")


def test_names_that_differ_are_left_out(tmp_path):
    model = read(
        tmp_path,
        "g (float[N,3] x) => (int64[1,N] a, int64[1,N] b, float[N,3] p) <int64[3] one = {3, 1, 2}, "
        "int64[3] two = {0, 1, 2}> { p = Softmax(x) i = ArgMax <axis = 1, keepdims = 0> (x) "
        "a = ai.onnx.ml.ArrayFeatureExtractor(one, i) b = ai.onnx.ml.ArrayFeatureExtractor(two, i) }",
    )
    assert class_names(model, model.graph.outputs[2], 3) == ()
