"""A guard in a graph: it computes what NumPy does, and its form is recognised, whatever an optimiser did to it."""

import json

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import onnxslim
import pytest

from dynanoise_export.defences.guards.box_guard import Box
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.graph.attach_guard import attach_guard
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.provenance import read_provenance, write_provenance
from dynanoise_export.runtimes.graph_session import open_graph
from support.graphs import parse
from support.guards import ONNX_NAMES, guard_of, guarded_model, outside, rows_of, stated

KINDS, TYPES = ("box", "binary", "image"), ("float32", "float16", "float64")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
def test_the_graph_computes_what_numpy_does(kind, dtype):
    name, guard = ONNX_NAMES[dtype], guard_of(kind, dtype)
    model = parse(f"g ({name}[N,3] x) => ({name}[N,3] z) {{ z = Identity(x) }}")
    attach_guard(model, guard)
    queries = np.concatenate([rows_of(kind, dtype), outside(dtype)])
    with open_graph(model) as predictor:
        answers = predictor.run({"x": queries})["z"]
    assert answers.dtype == queries.dtype
    np.testing.assert_array_equal(answers, guard.apply({"x": queries})["x"])
    assert answers[: len(rows_of(kind))].tobytes() == rows_of(kind, dtype).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("inline", [False, True])
def test_what_is_attached_is_of_its_form_and_can_be_taken_out(kind, dtype, inline):
    model, guard = guarded_model(kind, dtype, inline=inline)
    found = compare_guard(model, guard)
    assert found.difference is None
    users = [use.node.op_type for use in found.without.graph.inputs[0].uses()]
    assert users == (["Cast"] if dtype == "float16" else ["MatMul"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
def test_optimisers_make_no_difference(kind, dtype, tmp_path):
    model, guard = guarded_model(kind, dtype, body="s = Shape(x) y = MatMul(x, w) z = Relu(y)")
    onnx.save(ir.to_proto(model), tmp_path / "plain.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(tmp_path / "plain.onnx", options, providers=["CPUExecutionProvider"])
    assert compare_guard(ir.load(tmp_path / "optimised.onnx"), guard).difference is None
    assert compare_guard(ir.from_proto(onnxslim.slim(ir.to_proto(model))), guard).difference is None


def test_wider_bounds_are_a_difference():
    model, guard = guarded_model("box")
    low, high = (guard.bounds["x"][end] for end in ("low", "high"))
    wider = Box({"x": {"low": low, "high": FixedTensor.of(high.array * np.float32(1.001))}})
    assert compare_guard(model, wider).difference is not None
    assert compare_guard(model, guard_of("binary")).difference is not None


def test_a_use_of_the_input_beside_the_guard_is_a_difference():
    model, guard = guarded_model("box", body="y = ReduceMax(x) v = MatMul(x, w) z = Add(v, y)")
    assert compare_guard(model, guard).difference is None
    raw = model.graph.inputs[0]
    beside = next(node for node in model.graph if node.op_type == "ReduceMax")
    beside.replace_input_with(0, raw)
    assert compare_guard(model, guard).difference is not None


def test_a_use_of_a_value_within_the_guard_is_a_difference():
    model, guard = guarded_model("box", inline=True, body="y = ReduceMax(x) v = MatMul(x, w) z = Add(v, y)")
    within = next(node for node in model.graph if node.op_type == "Where").outputs[0]
    beside = next(node for node in model.graph if node.op_type == "ReduceMax")
    beside.replace_input_with(0, within)
    assert compare_guard(model, guard).difference is not None


def test_a_subgraph_gets_the_guarded_input():
    body = (
        "s = ReduceMax<keepdims=0>(x) c = Cast<to=9>(s) "
        "y = If(c)<then_branch = t () => (float[N,3] a) { a = Identity(x) }, "
        "else_branch = e () => (float[N,3] b) { b = Neg(x) }> z = MatMul(y, w)"
    )
    model, guard = guarded_model("box", body=body)
    assert compare_guard(model, guard).difference is None
    branch = next(node for node in model.graph if node.op_type == "If").attributes["then_branch"].as_graph()
    next(iter(branch)).replace_input_with(0, model.graph.inputs[0])
    assert compare_guard(model, guard).difference is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_travels_in_the_provenance(kind):
    model, guard = guarded_model(kind)
    write_provenance(model, stated(guard))
    assert read_provenance(model) == stated(guard)


@pytest.mark.parametrize(
    "bounds",
    [
        {}, {"x": {}}, {"x": {"low": [2.0], "high": [1.0]}}, {"x": {"low": [0.0] * 5, "high": [1.0] * 5}},
        {"x": {"low": [np.nan], "high": [1.0]}}, {"y": {"low": [0.0], "high": [1.0]}},
        {"x": {"low": [0.0], "high": [1.0], "more": [1.0]}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["box", "image", "cage"])
def test_a_hostile_guard_makes_the_provenance_count_as_missing(kind, bounds):
    model, guard = guarded_model("box")
    write_provenance(model, stated(guard))
    packed = {
        name: {key: FixedTensor.of(numbers).packed() for key, numbers in tensors.items()}
        for name, tensors in bounds.items()
    }
    model.metadata_props["dynanoise.guard"] = json.dumps({"kind": kind, "bounds": packed})
    assert read_provenance(model) is None
