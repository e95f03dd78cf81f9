"""A model whose scores have another width than its file states: no runtime gives it answers."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import export
from dynanoise_export.graph.score_shapes import are_rows
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.source import NoiseSource
from support.graphs import DEFENCE, defend, normals, parse

LEVELS = ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"]


def of_any_width(rows="N"):
    """Make a model that states two scores a row, and gives as many as its input has columns."""
    return parse(f"g (float[{rows},W] x) => (float[{rows},2] z) {{ s = Shape(x)\n e = Expand(x, s)\n z = Neg(e) }}")


def session_of(path, level):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("source", [NoiseSource.RANDOM, NoiseSource.KEYED])
@pytest.mark.parametrize("rows", ["N", "4"])
def test_only_the_stated_width_is_answered(tmp_path, inline, source, rows):
    model = of_any_width(rows)
    defend(model, "z", 2, source, defence=KeptLabel(DEFENCE), inline=inline)
    ir.save(model, tmp_path / "defended.onnx")
    for level in LEVELS:
        session = session_of(tmp_path / "defended.onnx", level)
        assert session.run(None, {"x": normals(4, 2)})[0].shape == (4, 2)
        for width in (1, 3, 4, 17):
            with pytest.raises(Exception, match=r"(?i)reshape|dimension"):
                session.run(None, {"x": normals(4, width)})


def hidden(width):
    """Make a model of six features that states two scores a row and gives `width`, which no inference can see."""
    weights = normals(6, 64, seed=3)
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,6] x) => (float[N,2] z)
        <int64[1] start = {{0}}, int64[1] axis = {{1}}, float[6] zeros = {{0, 0, 0, 0, 0, 0}}> {{
        h = MatMul(x, w)
        any = ReduceSum<keepdims=0>(zeros)
        offset = Cast<to=7>(any)
        count = Constant<value = int64[1] {{{width}}}>()
        end = Add(count, offset)
        z = Slice(h, start, end, axis) }}"""
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    return proto


@pytest.mark.parametrize("width", [1, 5, 17])
@pytest.mark.parametrize("noise", ["random", "keyed"])
def test_a_model_that_gives_another_width_is_not_exported(tmp_path, width, noise):
    onnx.save(hidden(width), tmp_path / "model.onnx")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"model\.onnx"):
        export(tmp_path / "model.onnx", tmp_path / "out" / "d.onnx", noise=noise)
    assert not list((tmp_path / "out").iterdir())


def test_a_model_that_gives_the_stated_width_is_exported(tmp_path):
    onnx.save(hidden(2), tmp_path / "model.onnx")
    export(tmp_path / "model.onnx", tmp_path / "d.onnx")
    session = session_of(tmp_path / "d.onnx", "ORT_ENABLE_ALL")
    np.testing.assert_allclose(session.run(None, {"x": normals(5, 6)})[0].sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "gemm", "held"),
    [
        ("<float[3,2] w = {1,2,3,4,5,6}>", "Gemm(x, w)", True),
        ("<float[2,3] w = {1,2,3,4,5,6}>", "Gemm<transB=1>(x, w)", True),
        ("<float[3,3] w = {1,2,3,4,5,6,7,8,9}>", "Gemm(x, w)", False),
        ("", "Gemm(x, v)", False),
        ("<float[3,2] w = {1,2,3,4,5,6}>", "MatMul(x, w)", False),
    ],
)
def test_only_the_weights_of_a_linear_layer_hold_its_width(weights, gemm, held):
    model = parse(f"g (float[N,3] x, float[3,2] v) => (float[N,2] z) {weights} {{ z = {gemm} }}")
    assert are_rows(value_named(model, "z"), 2) == held
