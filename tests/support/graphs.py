"""ONNX models made for tests, and what runs them."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.graph.attach import Attached, attach
from dynanoise_export.graph.external_data import external_weights
from dynanoise_export.graph.logits import behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.random_noise import RandomNoise
from dynanoise_export.noise.source import NoiseSource

# Not the defaults, and no two equal: a swap of two of them changes every answer.
SIGMA0, LAMBDA, TEMPERATURE = 0.7, 1.5, 4.0
DEFENCE = DynaNoise(SIGMA0, LAMBDA, TEMPERATURE)
KEY = Key(bytes(range(32)))


def parse(graph: str, opset: int = 17, ir_version: int = 8, more: str = "", functions: str = "") -> ir.Model:
    """Read a graph in ONNX's text form; `more` continues the list of opsets, and `functions` follows the graph."""
    start = f'<ir_version: {ir_version}, opset_import: ["" : {opset}{more}]>'
    return ir.from_proto(onnx.parser.parse_model(f"{start}\n{graph}\n{functions}"))


def run(model: ir.Model | onnx.ModelProto, **inputs: np.ndarray) -> list[np.ndarray]:
    """Run a model in ONNX Runtime and return its outputs in order."""
    proto = model if isinstance(model, onnx.ModelProto) else ir.to_proto(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def noise_of(source: NoiseSource | Noise) -> Noise:
    """Make the noise of a source, with the test key if it is keyed; noise that is made already stays as it is."""
    made = {NoiseSource.RANDOM: RandomNoise(), NoiseSource.INPUT: InputNoise(), NoiseSource.KEYED: KeyedNoise(KEY)}
    return made[source] if isinstance(source, NoiseSource) else source


def defend(
    model: ir.Model,
    output: str,
    classes: int,
    noise: NoiseSource | Noise = NoiseSource.INPUT,
    defence: Defence = DEFENCE,
    *,
    inline: bool = False,
) -> Attached:
    """Attach a defence behind the named output, in place, and run ONNX's checker on the result."""
    value = value_named(model, output)
    assert value is not None
    made = noise_of(noise) if defence.takes_noise else None
    attached = attach(model, behind(value), classes, defence, made, inline=inline)
    if not any(external_weights(model)):  # the checker would read them
        onnx.checker.check_model(ir.to_proto(model), full_check=True)
    return attached


def normals(*shape: int, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    """Draw standard normals, the same for the same seed."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)
