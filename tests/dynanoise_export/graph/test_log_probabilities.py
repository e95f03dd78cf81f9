"""Models whose logits can't be reached: the defence takes the logarithm of their probabilities."""

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy.special import softmax

from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from support.algorithm import algorithm_1
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE, normals, run

ROWS = normals(6, 3)
W1, W2 = np.arange(12).reshape(3, 4) / 5, np.ones((3, 4)) - np.eye(3, 4)


def ensemble() -> tuple[onnx.ModelProto, np.ndarray]:
    """Average two softmax classifiers; return the model and its expected probabilities."""
    proto = onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,3] x) => (float[N,4] y)
        <float[3,4] a = {{{",".join(map(str, W1.ravel()))}}}, float[3,4] b = {{{",".join(map(str, W2.ravel()))}}}>
        {{ za = MatMul(x, a)
           zb = MatMul(x, b)
           pa = Softmax<axis=-1>(za)
           pb = Softmax<axis=-1>(zb)
           y = Mean(pa, pb) }}""")
    return proto, (softmax(ROWS @ W1, axis=1) + softmax(ROWS @ W2, axis=1)) / 2


def linear_classifier() -> tuple[onnx.ModelProto, np.ndarray]:
    """Make a logistic regression as scikit-learn exports it: one operator gives a label and probabilities."""
    node = onnx.helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "y"],
        domain="ai.onnx.ml",
        classlabels_ints=[0, 1, 2, 3],
        coefficients=W1.T.ravel().tolist(),
        intercepts=[0.0, 0.1, 0.2, 0.3],
        post_transform="SOFTMAX",
    )
    return ml_model(node), softmax(ROWS @ W1 + [0.0, 0.1, 0.2, 0.3], axis=1)


def tree() -> tuple[onnx.ModelProto, np.ndarray]:
    """Make a tree of one split, with classes whose probability is 0 in a leaf."""
    leaves = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.25, 0.0, 0.75]])
    node = onnx.helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "y"],
        domain="ai.onnx.ml",
        classlabels_int64s=[0, 1, 2, 3],
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0] * 8,
        class_nodeids=[1] * 4 + [2] * 4,
        class_ids=[0, 1, 2, 3] * 2,
        class_weights=leaves.ravel().tolist(),
    )
    return ml_model(node), leaves[(ROWS[:, 0] > 0).astype(int)]


def ml_model(node: onnx.NodeProto) -> onnx.ModelProto:
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [info("x", onnx.TensorProto.FLOAT, ["N", 3])],
        [info("label", onnx.TensorProto.INT64, ["N"]), info("y", onnx.TensorProto.FLOAT, ["N", 4])],
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("make", [ensemble, linear_classifier, tree])
def test_the_undefended_model_gives_the_probabilities_worked_out_here(make):
    proto, expected = make()
    np.testing.assert_allclose(run(proto, x=ROWS)[-1], expected, atol=1e-6)


@pytest.mark.parametrize("make", [ensemble, linear_classifier, tree])
def test_the_defence_takes_the_logarithm_of_the_probabilities(make, tmp_path):
    proto, probabilities = make()
    (tmp_path / "plain.onnx").write_bytes(proto.SerializeToString())
    exported = export(tmp_path / "plain.onnx", tmp_path / "defended.onnx", defence=DEFENCE, noise=NoiseSource.INPUT)
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["probabilities"]
    log_p = np.log(np.maximum(probabilities, 0.01 / 4))
    silent = session.run(None, {"x": ROWS, "noise": np.zeros((6, 4), np.float32)})[0]
    np.testing.assert_allclose(silent, softmax(log_p / TEMPERATURE, axis=1), atol=1e-5)
    noise = normals(6, 4, seed=3)
    expected = algorithm_1(log_p, noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(session.run(None, {"x": ROWS, "noise": noise})[0], expected, atol=1e-5)


def test_scores_that_are_not_probabilities_are_logits(tmp_path):
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,3] x) => (float[N,3] y) { h = Mul(x, x)
        y = Neg(h) }""")
    (tmp_path / "plain.onnx").write_bytes(proto.SerializeToString())
    exported = export(tmp_path / "plain.onnx", tmp_path / "defended.onnx", defence=DEFENCE, noise=NoiseSource.INPUT)
    noise = normals(6, 3, seed=3)
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    expected = algorithm_1(-(ROWS.astype(np.float64) ** 2), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(session.run(None, {"x": ROWS, "noise": noise})[0], expected, atol=1e-5)
