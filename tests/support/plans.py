"""Small defended files, and TensorRT-RTX plans of them, which need no GPU to build."""

from pathlib import Path

import onnx_ir as ir

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployment.tensorrt.compiling import Compiled, compile_plan
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from support.graphs import DEFENCE, normals, parse

CLASSES = 10
W1, W2 = normals(30, 40, seed=1) / 5, normals(40, CLASSES, seed=2) / 5
GRAPH = """g (float[N,30] x, float[30,40] a, float[40,10] b) => (float[N,10] z) {{
  h = MatMul(x, a)
  {middle}
  z = MatMul(r, b)
}}"""


def write_plain(path: Path, middle: str = "r = Relu(h)") -> Path:
    """Write an undefended classifier: two layers, and an operator between them."""
    model = parse(GRAPH.format(middle=middle))
    for array in (W2, W1):
        value = model.graph.inputs.pop()
        value.const_value = ir.tensor(array, name=value.name)
        model.graph.register_initializer(value)
    ir.save(model, path)
    return path


def write_defended(
    folder: Path, noise: NoiseSource | None = NoiseSource.KEYED, *, defence: Defence = DEFENCE, inline: bool = False
) -> Path:
    """Write a defended file of this classifier."""
    path = folder / f"{noise}.onnx"
    export(write_plain(folder / "plain.onnx"), path, defence=defence, noise=noise, inline=inline)
    return path


def compiled(path: Path, output: Path | None = None, **options: object) -> Compiled:
    """Compile a file for TensorRT-RTX, even if its noise is dead there."""
    chosen = {"backend": TensorRTBackend.RTX, "allow_dead_noise": True} | options
    return compile_plan(path, output or path.with_suffix(".plan"), **chosen)
