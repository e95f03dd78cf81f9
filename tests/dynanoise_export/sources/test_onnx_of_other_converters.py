"""ONNX files in forms that PyTorch does not write: ZipMap, missing imports, invalid and stale shapes."""

import importlib.resources

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper

from dynanoise_export.errors import ModelInputError, UnsupportedModelError, UsageError
from dynanoise_export.graph.provenance import read_provenance
from dynanoise_export.inspecting import inspect
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats, refusal, session_of
from support.graphs import normals, parse

MAP = "seq(map(int64, float[]))"
W = normals(6, 5, seed=1)
# A weight of the text form, whose values `save` replaces by those of `W`.
WEIGHT = f"<float[6,5] w = {{{','.join('0' * 30)}}}>"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def save(path, graph, opsets='"" : 17, "ai.onnx.ml" : 3', ir_version=8):
    model = onnx.parser.parse_model(f"<ir_version: {ir_version}, opset_import: [{opsets}]>\n{graph}")
    for value in model.graph.initializer:
        if value.name == "w":
            value.CopyFrom(onnx.numpy_helper.from_array(W, "w"))
    onnx.save(model, path)
    return path


def logits_of(inputs):
    return inputs["x"].astype(np.float64) @ W


ZIP = "ai.onnx.ml.ZipMap <classlabels_int64s: ints = [3, 1, 4, 15, 9]>"
LABELS = ("3", "1", "4", "15", "9")
TEXTS = 'ai.onnx.ml.ZipMap <classlabels_strings: strings = ["a", "b", "c", "d", "e"]>'


@pytest.mark.parametrize(
    ("kind", "zip_map", "labels"),
    [("int64", ZIP, LABELS), ("string", TEXTS, ("a", "b", "c", "d", "e"))],
    ids=["integers", "texts"],
)
def test_a_zip_map_is_removed_and_its_labels_are_kept(path, out, kind, zip_map, labels):
    save(
        path,
        f"g (float[N,6] x) => (int64[N] label, seq(map({kind}, float[])) p) {WEIGHT} {{"
        f"z = MatMul(x, w) y = Softmax <axis = 1> (z) p = {zip_map} (y) label = ArgMax <axis = 1, keepdims = 0> (y) }}",
    )
    assert inspect(path).outputs == {"label": "int64[N]", "p": "float[?, 5]"}
    made = defended(path, out)
    assert made.exported.source.labels == labels
    assert made.exported.dropped == ("label",)
    assert_algorithm_1(made, logits_of, floats(x=(6,)))
    file = onnx.load(made.exported.path)
    assert "ZipMap" not in [node.op_type for node in file.graph.node]
    assert read_provenance(ir.from_proto(file)).labels == labels


def test_one_of_several_zip_maps_is_chosen_by_name(path, out):
    save(
        path,
        f"g (float[N,6] x) => ({MAP} p, {MAP} q) {WEIGHT} {{"
        f"z = MatMul(x, w) y = Softmax <axis = 1> (z) n = Neg(z) m = Softmax <axis = 1> (n) p = {ZIP} (y) "
        f"q = {ZIP.replace('15', '16')} (m) }}",
    )
    assert "p [?, 5], q [?, 5]" in refusal(path, out, UsageError)
    made = defended(path, out, logits="q")
    assert made.exported.source.labels == ("3", "1", "4", "16", "9")
    assert_algorithm_1(made, lambda inputs: -logits_of(inputs), floats(x=(6,)))


def test_probabilities_that_are_an_output_beside_their_map_are_chosen(path, out):
    save(
        path,
        f"g (float[N,6] x) => ({MAP} p, float[N,5] y) {WEIGHT} {{"
        f"z = MatMul(x, w) y = Softmax <axis = 1> (z) p = {ZIP} (y) }}",
    )
    made = defended(path, out)
    assert made.exported.dropped == ("p",)
    assert made.exported.source.labels == LABELS
    assert_algorithm_1(made, logits_of, floats(x=(6,)))


def test_the_logistic_regression_that_comes_with_onnxruntime_is_defended(out):
    # Of 2018: a fixed batch of 3, ZipMap, and no import of the standard domain.
    path = importlib.resources.files(onnxruntime) / "datasets" / "logreg_iris.onnx"
    session = session_of(path)
    made = defended(path, out)
    assert made.exported.source.labels == ("0", "1", "2")
    assert made.shapes() == {"float_input": [3, 2], "noise": [3, 3]}

    def logarithm(inputs):
        maps = session.run(["probabilities"], dict(inputs))[0]
        return np.log(np.array([[row[label] for label in range(3)] for row in maps], np.float64))

    assert_algorithm_1(made, logarithm, floats(float_input=(2,)), batches=(3,))


def test_a_sequence_beside_the_logits_is_dropped(path, out):
    save(
        path, "g (float[N,6] x) => (seq(float[N,3]) s, float[N,6] y) { y = Neg(x) s = SplitToSequence <axis = 1> (x) }"
    )
    made = defended(path, out)
    assert made.exported.dropped == ("s",)
    assert_algorithm_1(made, lambda inputs: -inputs["x"], floats(x=(6,)))


@pytest.mark.parametrize("options", [{}, {"logits": "s"}], ids=["by itself", "by name"])
def test_a_sequence_can_not_be_the_logits(path, out, options):
    save(path, "g (float[N,6] x) => (seq(float[N,3]) s) { s = SplitToSequence <axis = 1> (x) }")
    assert "'s'" in refusal(path, out, UnsupportedModelError, **options)


def test_a_map_can_not_be_an_input(path, out):
    vectors = "ai.onnx.ml.DictVectorizer <int64_vocabulary: ints = [1, 2, 3]>"
    save(path, f"g (map(int64, float[]) x) => (float[1,3] y) {{ y = {vectors} (x) }}")
    assert "map(int64, float)" in refusal(path, out, UnsupportedModelError)
    assert inspect(path).inputs == {"x": "map(int64, float)"}


TREES = """ai.onnx.ml.TreeEnsembleClassifier <class_ids: ints = [0, 1, 2, 0, 1, 2], class_nodeids: ints = [1, 1, 1, 2,
    2, 2], class_treeids: ints = [0, 0, 0, 0, 0, 0], class_weights: floats = [1.5, -0.5, 0.25, -1.0, 0.5, 2.0],
    classlabels_int64s: ints = [0, 1, 2], nodes_falsenodeids: ints = [2, 0, 0], nodes_featureids: ints = [0, 0, 0],
    nodes_modes: strings = ["BRANCH_LEQ", "LEAF", "LEAF"], nodes_nodeids: ints = [0, 1, 2], nodes_treeids: ints = [0,
    0, 0], nodes_truenodeids: ints = [1, 0, 0], nodes_values: floats = [0.0, 0.0, 0.0], post_transform: string =
    "SOFTMAX"> (x)"""


@pytest.mark.parametrize(("version", "ir_version"), [(1, 3), (3, 8)])
def test_trees_without_the_standard_domain_are_defended(path, out, version, ir_version):
    graph = f"g (float[N,2] x) => (int64[N] label, float[N,3] p) {{ label, p = {TREES} }}"
    save(path, graph, f'"ai.onnx.ml" : {version}', ir_version)
    leaves = np.array([[1.5, -0.5, 0.25], [-1.0, 0.5, 2.0]])
    made = defended(path, out)
    assert made.exported.source.labels == ("0", "1", "2")
    assert_algorithm_1(made, lambda inputs: leaves[(inputs["x"][:, 0] > 0).astype(int)], floats(x=(2,)))


LINEAR = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["y"], axis=1)]


def linear(path, batch, output, inner=None, width=6):
    tensors = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [batch, width]), ("y", output))
    ]
    values = [] if inner is None else [helper.make_tensor_value_info("z", TensorProto.FLOAT, inner)]
    graph = helper.make_graph(
        LINEAR, "g", tensors[:1], tensors[1:], [onnx.numpy_helper.from_array(W, "w")], value_info=values
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("unknown", [-1, 0, "", "?", None], ids=repr)
def test_an_axis_without_a_valid_size_is_dynamic(path, out, unknown):
    linear(path, unknown, [unknown, 5], [unknown, 5])
    assert inspect(path).inputs == {"x": "float[?, 6]"}
    made = defended(path, out)
    assert made.exported.source.inputs[0].shape == ("batch", 6)
    assert_algorithm_1(made, logits_of, floats(x=(6,)))


@pytest.mark.parametrize("batch", ["N", None, -1], ids=repr)
@pytest.mark.parametrize("inner", [None, [1, 5]], ids=["output", "output and value"])
def test_an_output_of_one_row_behind_a_dynamic_batch_is_corrected(path, out, batch, inner):
    linear(path, batch, [1, 5], inner)
    made = defended(path, out)
    assert made.shapes()["noise"] == ["N" if batch == "N" else None, 5]
    assert_algorithm_1(made, logits_of, floats(x=(6,)))
    onnx.checker.check_model(made.exported.path, full_check=True)
    file = onnx.load(made.exported.path)
    assert all(value.type.tensor_type.shape.dim[0].dim_value != 1 for value in file.graph.value_info)


def test_an_output_of_one_row_behind_a_foreign_operator_is_corrected_by_a_run(path, out):
    model = parse(
        "g (float[N,6] x) => (float[1,6] z) { h = com.microsoft.QuickGelu <alpha = 1.0> (x) z = Neg(h) }",
        more=', "com.microsoft" : 1',
    )
    model.graph.node(0).outputs[0].type, model.graph.node(0).outputs[0].shape = (
        ir.TensorType(ir.DataType.FLOAT),
        ir.Shape([1, 6]),
    )
    ir.save(model, path)
    made = defended(path, out)
    assert made.shapes() == {"x": ["N", 6], "noise": ["N", 6]}
    assert_algorithm_1(made, lambda inputs: -inputs["x"] / (1 + np.exp(-inputs["x"])), floats(x=(6,)))


def test_answers_of_one_row_to_many_are_refused(path, out):
    save(path, "g (float[N,6] x) => (float[1,6] y) <int64[1] a = {0}> { y = ReduceSum <keepdims = 1> (x, a) }")
    refusal(path, out, UnsupportedModelError)


def test_the_user_gives_a_shape_that_the_file_leaves_out(path, out, tmp_path):
    linear(path, "N", [None, 5])
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    assert "--input" in refusal(path, out, ModelInputError)
    np.savez(tmp_path / "rows.npz", anything=normals(4, 6))
    for options in ({"inputs": (TensorSpec("x", "float32", ("rows", 6)),)}, {"example": tmp_path / "rows.npz"}):
        made = defended(path, out, **options)
        assert made.shapes()["x"] == ["rows" if "inputs" in options else "batch", 6]
        assert_algorithm_1(made, logits_of, floats(x=(6,)))


def test_sizes_that_the_file_does_not_know_are_taken_from_the_user(path, out, tmp_path):
    linear(path, None, [None, None], width=None)
    refusal(path, out, ModelInputError)
    made = defended(path, out, inputs=(TensorSpec("x", "float32", ("batch", 6)),))
    assert made.shapes() == {"x": ["batch", 6], "noise": ["batch", 5]}
    np.savez(tmp_path / "rows.npz", x=normals(4, 6))
    made = defended(path, out, example=tmp_path / "rows.npz")
    assert made.shapes() == {"x": [None, None], "noise": [None, 5]}
    assert_algorithm_1(made, logits_of, floats(x=(6,)))


NAMES = [("N", "n"), ("N", "N"), ("class", "lambda"), (None, "batch"), ("batch", None), ("x_axis_1", None)]


@pytest.mark.parametrize("names", NAMES, ids=map(str, NAMES))
def test_names_of_axes_do_not_get_in_each_other_s_way(path, out, names):
    model = parse("g (float[N,M,6] x) => (float[N,6] z) { z = ReduceMean <axes = [1], keepdims = 0> (x) }")
    model.graph.inputs[0].shape, model.graph.outputs[0].shape = ir.Shape([*names, 6]), ir.Shape([names[0], 6])
    ir.save(model, path)
    made = defended(path, out)
    batch, length, _ = made.exported.source.inputs[0].shape
    assert (batch == length) == (names[0] == names[1])
    assert made.shapes() == {"x": [*names, 6], "noise": [names[0], 6]}
    for size in (3, 4):
        assert_algorithm_1(made, lambda inputs: inputs["x"].mean(axis=1), floats(x=(size, 6)))
