"""A defence alone in a model, to run in ONNX Runtime."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx_ir as ir
import onnxruntime

from dynanoise_export.defences.base import Defence
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from support.graphs import noise_of


def defence_alone(
    defence: Defence, classes: int, noise: NoiseSource | Noise = NoiseSource.INPUT, opset: int = 18
) -> ir.Model:
    """Make a model that is a defence and nothing else.

    Args:
        defence: to attach.
        classes: k.
        noise: where its noise comes from; ignored by a defence that takes none.
        opset: of the model.

    Returns:
        A model that takes `logits` [n, k] and, for the source `input`, `noise` [n, k].
    """
    logits = ir.Value(name="logits", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(["batch", classes]))
    passed_on = ir.node("Identity", [logits])
    passed_on.outputs[0].type, passed_on.outputs[0].shape = logits.type, logits.shape
    graph = ir.Graph([logits], passed_on.outputs, nodes=[passed_on], opset_imports={"": opset}, name="defence")
    model = ir.Model(graph, ir_version=10)
    made = noise_of(noise) if defence.takes_noise else None
    attach(model, Logits(passed_on.outputs[0], Scale.LOGITS, "given"), classes, defence, made)
    return model


def in_runtime(model: ir.Model, **settings) -> OnnxRuntimePredictor:
    """Open a model in ONNX Runtime."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        ir.save(model, path)
        return OnnxRuntimePredictor(path, **settings)


def operators_left(model: ir.Model) -> list[str]:
    """List the operators that are left of a model after ONNX Runtime's own optimisation on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the optimised file fits this machine alone
    with TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        proto = ir.to_proto(model)
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
