"""Copies in a graph: it computes what NumPy does, and its form is recognised, whatever an optimiser did to it."""

import json

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import onnxslim
import pytest
from scipy.special import log_softmax, softmax

from dynanoise_export.defences.label_only import LabelOnly
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.provenance import read_provenance, write_provenance
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.graph_session import open_graph
from support.graphs import parse
from support.guards import ONNX_NAMES, WEIGHTS, guard_of, guarded_model, outside, rows_of, stated

KINDS, TYPES = ("sphere", "binary-sphere"), ("float32", "float16", "float64")
BODIES = {
    Scale.LOGITS: "z = MatMul(x, v)",
    Scale.PROBABILITIES: "s = Shape(x) q = Flatten(x) y = MatMul(q, v) z = Softmax(y)",
}
CASTS = {"float32": 1, "float16": 10, "float64": 11}


def body_of(scale, dtype):
    return f"v = Cast<to={CASTS[dtype]}>(u) {BODIES[scale]}"


def behind(kind, dtype="float32", defence=None, scale=Scale.LOGITS, opset=18):
    name = ONNX_NAMES[dtype]
    weights = f"float[3,4] {WEIGHTS.replace('w', 'u')}"
    model = parse(f"g ({name}[N,3] x) => ({name}[N,4] z) <{weights}> {{ {body_of(scale, dtype)} }}", opset=opset)
    guard = guard_of(kind, dtype)
    attach(model, Logits(value_named(model, "z"), scale, ""), 4, defence or Temperature(1.0), None, guard=guard)
    return model, guard


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scale", [Scale.LOGITS, Scale.PROBABILITIES])
def test_the_graph_answers_with_the_mean_of_its_copies(kind, dtype, scale):
    model, guard = behind(kind, dtype, scale=scale)
    queries = np.concatenate([rows_of(kind, dtype, 20), outside(dtype)[:20]])
    with open_graph(model) as predictor:
        answers = predictor.run({"x": queries})["probabilities"]
    weights = np.arange(1, 13).reshape(3, 4)
    logits = guard.asked({"x": queries})["x"].astype(np.float64) @ weights
    mean = softmax(logits, axis=1).reshape(9, len(queries), 4).mean(axis=0)
    expected = np.maximum(mean, 0 if scale is Scale.LOGITS else 0.01 / 4)
    expected = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers, expected, atol=2e-2 if dtype == "float16" else 1e-5)


@pytest.mark.parametrize("opset", [13, 18, 21])
def test_one_query_and_many_get_the_same_answers_in_every_opset(opset):
    model, guard = behind("sphere", opset=opset)
    queries = rows_of("sphere", count=64)
    with open_graph(model) as predictor:
        together = predictor.run({"x": queries})["probabilities"]
        alone = np.concatenate([predictor.run({"x": queries[i : i + 1]})["probabilities"] for i in range(64)])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert guard.copies == 9


def test_label_only_behind_a_sphere_is_ldl():
    model, guard = behind("sphere", defence=LabelOnly())
    queries = rows_of("sphere", count=50)
    with open_graph(model) as predictor:
        answers = predictor.run({"x": queries})["probabilities"]
    logits = guard.asked({"x": queries})["x"] @ np.arange(1, 13).reshape(3, 4)
    mean = np.exp(log_softmax(logits.astype(np.float64), axis=1)).reshape(9, 50, 4).mean(axis=0)
    np.testing.assert_array_equal(answers.argmax(axis=1), mean.argmax(axis=1))
    assert len(np.unique(answers.max(axis=1))) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("inline", [False, True])
def test_what_is_attached_is_of_its_form_and_can_be_taken_out(kind, dtype, inline):
    model, guard = guarded_model(kind, dtype, inline=inline)
    found = compare_guard(model, guard)
    assert found.difference is None
    with open_graph(found.without) as predictor:
        assert predictor.run({"x": outside(dtype)[10:20], "noise": np.zeros((10, 4), np.float32)})
    assert not any(node.op_type == "Reshape" and len(node.inputs[1].shape) == 3 for node in found.without.graph)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scale", [Scale.LOGITS, Scale.PROBABILITIES])
def test_optimisers_make_no_difference(kind, dtype, scale, tmp_path):
    model, guard = guarded_model(kind, dtype, body=BODIES[scale].replace("v", "w"), scale=scale)
    onnx.save(ir.to_proto(model), tmp_path / "plain.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(tmp_path / "plain.onnx", options, providers=["CPUExecutionProvider"])
    assert compare_guard(ir.load(tmp_path / "optimised.onnx"), guard).difference is None
    assert compare_guard(ir.from_proto(onnxslim.slim(ir.to_proto(model))), guard).difference is None


@pytest.mark.parametrize("kind", KINDS)
def test_other_offsets_are_a_difference(kind):
    model, guard = guarded_model(kind)
    # Few features of binary rows flip, in some draws the same ones, or none.
    draws = (guard.redrawn(np.random.default_rng(seed)) for seed in range(100))
    other = next(drawn for drawn in draws if drawn != guard)
    assert compare_guard(model, other).difference is not None


def test_answers_that_go_around_the_merge_are_a_difference():
    model, guard = guarded_model("sphere", inline=True)
    scores = next(node for node in model.graph if node.op_type == "MatMul").outputs[0]
    least = ir.node("ReduceMax", [scores], {"keepdims": 0})
    model.graph.append(least)
    model.graph.outputs.append(least.outputs[0])
    assert compare_guard(model, guard).difference is not None


def test_copies_that_nothing_merges_are_a_difference():
    model, guard = guarded_model("sphere")
    node = next(node for node in model.graph if node.op_type == "MergedLogits")
    ir.convenience.replace_all_uses_with(node.outputs[0], node.inputs[0])
    model.graph.remove(node)
    assert compare_guard(model, guard).difference is not None


def test_a_fixed_batch_is_refused():
    model = parse(f"g (float[2,3] x) => (float[2,4] z) <float[3,4] {WEIGHTS}> {{ z = MatMul(x, w) }}")
    logits = Logits(value_named(model, "z"), Scale.LOGITS, "")
    with pytest.raises(UnsupportedModelError):
        attach(model, logits, 4, Temperature(1.0), None, guard=guard_of("sphere"))


@pytest.mark.parametrize("kind", KINDS)
def test_it_travels_in_the_provenance(kind):
    model, guard = guarded_model(kind)
    write_provenance(model, stated(guard))
    assert read_provenance(model) == stated(guard)
    packed = json.loads(model.metadata_props["dynanoise.guard"])
    del packed["bounds"]["x"][guard.offsets_name]
    model.metadata_props["dynanoise.guard"] = json.dumps(packed)
    assert read_provenance(model) is None
