"""A quantised file gets a defence that still computes in float32."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static

from dynanoise_export import export, validate
from support.graphs import parse

GRAPH = """
g (float[n, 16] x) => (float[n, 10] z) <float[16, 10] w = {WEIGHTS}> { z = MatMul(x, w) }
"""
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(2000, 16)).astype(np.float32)


class Rows(CalibrationDataReader):
    """The rows from which the ranges are taken."""

    def __init__(self):
        self.batches = iter(np.split(ROWS, 20))

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"x": batch}


@pytest.fixture
def model(tmp_path):
    weights = ", ".join(f"{weight:.4f}" for weight in RNG.normal(size=160))
    ir.save(parse(GRAPH.replace("WEIGHTS", weights)), tmp_path / "model.onnx")
    np.savez(tmp_path / "rows.npz", x=ROWS)
    return tmp_path / "model.onnx"


@pytest.mark.parametrize(("kind", "noise"), [("static", "keyed"), ("dynamic", "random")])
def test_a_quantised_file_is_defended_in_float32(model, tmp_path, kind, noise):
    quantised, made = tmp_path / "quantised.onnx", tmp_path / "defended.onnx"
    if kind == "static":
        quantize_static(model, quantised, Rows())
    else:
        quantize_dynamic(model, quantised)
    export(quantised, made, noise=noise)
    operators = [node.op_type for node in onnx.load(made).graph.node]
    assert {"QuantizeLinear", "DynamicQuantizeLinear"} & set(operators)
    assert operators[-1] == "DynaNoise"
    assert validate(made, quantised, data=tmp_path / "rows.npz").passed


def test_the_range_of_a_batch_moves_keyed_noise(model, tmp_path):
    quantize_dynamic(model, tmp_path / "quantised.onnx")
    export(tmp_path / "quantised.onnx", tmp_path / "defended.onnx", noise="keyed")
    assert not validate(tmp_path / "defended.onnx", tmp_path / "quantised.onnx", data=tmp_path / "rows.npz").passed
