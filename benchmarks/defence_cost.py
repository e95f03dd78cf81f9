"""What each defence costs alone: over DynaNoise with `random` noise, on logits, in ONNX Runtime on the CPU.

    OMP_NUM_THREADS=1 python benchmarks/defence_cost.py

Runs are paired and interleaved as in `dynanoise-export bench`, by the same library.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir
from onnx import parser

from dynanoise_export.benchmarking.calls import openings
from dynanoise_export.benchmarking.figures import Run, run_of
from dynanoise_export.benchmarking.timing import timed
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import behind
from dynanoise_export.noise.keyed.key import BYTES, Key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.random_noise import RandomNoise
from dynanoise_export.runtimes.provider import Provider

SIZES = ((1, 10), (256, 10), (256, 100), (256, 1000))
KEY = Key(bytes(range(BYTES)))
# Name: the noise, and whether labels are kept. The others are compared with the first.
VARIANTS: dict[str, tuple[Noise, bool]] = {
    "random": (RandomNoise(), False),
    "keyed": (KeyedNoise(KEY), False),
    "keyed, two grids": (KeyedNoise(KEY, (0.05, 0.5)), False),
    "random, labels kept": (RandomNoise(), True),
    "keyed, labels kept": (KeyedNoise(KEY), True),
}


def main() -> None:
    """Print a line for each size and variant."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=200)
    pairs = arguments.parse_args().pairs
    first, *others = VARIANTS
    with TemporaryDirectory() as folder:
        for rows, classes in SIZES:
            files = {name: write(Path(folder), name, classes) for name in VARIANTS}
            for name in others:
                run = compared(files[first], files[name], rows, pairs)
                assert run.plain is not None
                assert run.ratio is not None
                random, other = (1e6 * rows / side.throughput for side in (run.plain, run.defended))
                print(
                    f"{rows:3} x {classes:4}  random {random:7.1f} µs  {name:20} {other:7.1f} µs  "
                    f"ratio {run.ratio.value:.3f} [{run.ratio.low:.3f}, {run.ratio.high:.3f}]",
                    flush=True,
                )


def compared(random: Path, other: Path, rows: int, pairs: int) -> Run:
    """Time two files in turn, in one thread."""
    models = [open_deployed(path) for path in (random, other)]
    return run_of(timed(openings(models, rows, threads=1), pairs), Provider.CPU, rows)


def write(folder: Path, name: str, classes: int) -> Path:
    """Write a file that is a defence and almost nothing else."""
    noise, keep_label = VARIANTS[name]
    text = (
        f'<ir_version: 10, opset_import: ["": 18]> g (float[n,{classes}] x) => (float[n,{classes}] z) {{z = Mul(x, x)}}'
    )
    model = ir.from_proto(parser.parse_model(text))
    attach(model, behind(model.graph.outputs[0]), classes, keeping_label(DynaNoise(), keep_label), noise)
    path = folder / f"{name}-{classes}.onnx"
    ir.save(model, path)
    return path


if __name__ == "__main__":
    main()
