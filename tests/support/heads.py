"""A head alone in a model, to be run in ONNX Runtime."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from dynanoise_export.defences.dynanoise import Head
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits
from dynanoise_export.parameters import NoiseSource
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor


def head_alone(head: Head, classes: int, noise: NoiseSource = NoiseSource.INPUT, opset: int = 18) -> ir.Model:
    """Make a model that is a head and nothing else: `logits` in, and `noise` too if that is the source."""
    logits = ir.Value(name="logits", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(["batch", classes]))
    passed_on = ir.node("Identity", [logits])
    passed_on.outputs[0].type, passed_on.outputs[0].shape = logits.type, logits.shape
    graph = ir.Graph([logits], passed_on.outputs, nodes=[passed_on], opset_imports={"": opset}, name="head")
    model = ir.Model(graph, ir_version=10)
    attach(model, Logits(passed_on.outputs[0], "logits", "given"), classes, head, noise)
    return model


def in_runtime(model: ir.Model, **settings) -> OnnxRuntimePredictor:
    """Open a model in ONNX Runtime."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        ir.save(model, path)
        return OnnxRuntimePredictor(path, **settings)
