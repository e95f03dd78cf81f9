"""ONNX models made for tests, and what it takes to run them."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.graph.attach import Attached, attach
from dynanoise_export.graph.external_data import external_weights
from dynanoise_export.graph.logits import behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.parameters import NoiseSource, Parameters

# Not the defaults, and no two alike: a swap of two of them changes every answer.
SIGMA0, LAMBDA, TEMPERATURE = 0.7, 1.5, 4.0
KEY = Key(bytes(range(32)))
HEAD = DynaNoise(Parameters(SIGMA0, LAMBDA, TEMPERATURE))


def parse(graph: str, opset: int = 17, ir_version: int = 8, more: str = "", functions: str = "") -> ir.Model:
    """Read a graph in ONNX's text form; `more` continues the list of opsets, and `functions` follows the graph."""
    head = f'<ir_version: {ir_version}, opset_import: ["" : {opset}{more}]>'
    return ir.from_proto(onnx.parser.parse_model(f"{head}\n{graph}\n{functions}"))


def run(model: ir.Model | onnx.ModelProto, **inputs: np.ndarray) -> list[np.ndarray]:
    """Run a model in ONNX Runtime and give its outputs in order."""
    proto = model if isinstance(model, onnx.ModelProto) else ir.to_proto(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def defend(
    model: ir.Model,
    output: str,
    classes: int,
    noise: NoiseSource = NoiseSource.INPUT,
    head: DynaNoise = HEAD,
    *,
    inline: bool = False,
) -> Attached:
    """Attach a head behind the named output, in place, and have ONNX's checker look at what came out."""
    value = value_named(model, output)
    assert value is not None
    source = KeyedNoise(KEY) if noise is NoiseSource.KEYED else noise
    attached = attach(model, behind(value), classes, head, source, inline=inline)
    if not any(external_weights(model)):  # the checker would read them
        onnx.checker.check_model(ir.to_proto(model), full_check=True)
    return attached


def normals(*shape: int, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    """Draw standard normals, the same for the same seed."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)
