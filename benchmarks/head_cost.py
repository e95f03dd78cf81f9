"""What the heads cost by themselves: each over the head with `random` noise, on logits, in ONNX Runtime on the CPU.

    OMP_NUM_THREADS=1 python benchmarks/head_cost.py

Runs are paired and interleaved as in benchmarks/overhead.py.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir
from onnx import parser
from overhead import compared

from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import behind
from dynanoise_export.mechanism.heads import DynaNoise
from dynanoise_export.mechanism.keyed.key import Key
from dynanoise_export.mechanism.keyed.noise import KeyedNoise
from dynanoise_export.mechanism.noise import Noise
from dynanoise_export.parameters import NoiseSource, Parameters

SIZES = ((1, 10), (256, 10), (256, 100), (256, 1000))
KEY = Key(bytes(range(32)))
HEADS: dict[str, tuple[Noise, bool]] = {
    "random": (NoiseSource.RANDOM, False),
    "keyed": (KeyedNoise(KEY), False),
    "keyed, two grids": (KeyedNoise(KEY, (0.05, 0.5)), False),
    "random, labels kept": (NoiseSource.RANDOM, True),
    "keyed, labels kept": (KeyedNoise(KEY), True),
}


def main() -> None:
    """Print a line for each size and head."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=200)
    pairs = arguments.parse_args().pairs
    with TemporaryDirectory() as folder:
        for rows, classes in SIZES:
            files = {name: write(Path(folder), name, classes) for name in HEADS}
            for name in list(HEADS)[1:]:
                (random, other), ratio, low, high = compared(files["random"], files[name], rows, pairs)
                print(
                    f"{rows:3} x {classes:4}  random {random * 1e6:7.1f} µs  {name:20} {other * 1e6:7.1f} µs  "
                    f"ratio {ratio:.3f} [{low:.3f}, {high:.3f}]",
                    flush=True,
                )


def write(folder: Path, name: str, classes: int) -> Path:
    """Write a file that is a head and nothing else."""
    noise, keep_label = HEADS[name]
    text = (
        f'<ir_version: 10, opset_import: ["": 18]> g (float[n,{classes}] x) => (float[n,{classes}] z) {{z = Mul(x, x)}}'
    )
    model = ir.from_proto(parser.parse_model(text))
    attach(model, behind(model.graph.outputs[0]), classes, DynaNoise(Parameters(), keep_label), noise)
    path = folder / f"{name}-{classes}.onnx"
    ir.save(model, path)
    return path


if __name__ == "__main__":
    main()
