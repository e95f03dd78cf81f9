"""How long TensorRT-RTX takes to build plans. It needs `pip install 'dynanoise-export[tensorrt-rtx]'` and no GPU.

    python benchmarks/plan_build.py                            # four targets, all noise sources, float32 and float16
    python benchmarks/plan_build.py --target alexnet-cifar10   # one of them
    python benchmarks/plan_build.py --defences                 # defences alone, on logits

The weights are untrained, which makes no difference to a builder. The plans are for batches of 1 to 256 and, for
texts, for 1 to 512 tokens.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from dynanoise_export.deployed.manifest import Profile
from dynanoise_export.deployment.tensorrt.building import BuildOptions, build_plan
from dynanoise_export.deployment.tensorrt.compiling import compile_plan
from dynanoise_export.deployment.tensorrt.profiles import profiles_of
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.types import Precision
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS

MEASURED = ("alexnet-cifar10", "resnet20-cifar10", "distilbert-sst2", "mlp-location30")
CLASSES = (10, 100, 1000)
RTX = TensorRTBackend.RTX
BUILDS = 3  # the figure is their median


def main() -> None:
    """Print a table of what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--defences", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        if arguments.defences:
            print_defences(Path(folder))
            return
        print("| target | noise | float32 | float16 |\n|---|---|---|---|")
        for target in arguments.target or MEASURED:
            for noise in NoiseSource:
                defended = export_untrained(target, noise, Path(folder))
                cells = [cell(defended, precision) for precision in Precision]
                print(f"| `{target}` | {noise} | {' | '.join(cells)} |", flush=True)


def export_untrained(target: str, noise: NoiseSource, folder: Path) -> Path:
    """Export an untrained target with a noise source."""
    torch.manual_seed(0)
    checkpoint, defended = folder / f"{target}.pt", folder / f"{target}-{noise}.onnx"
    save_checkpoint(checkpoint, target, {}, TARGETS[target].make())
    export(checkpoint, defended, noise=noise)
    return defended


def cell(defended: Path, precision: Precision) -> str:
    """Build a plan a few times, and give the time and the size."""
    plan = defended.with_suffix(".plan")
    builds = [
        compile_plan(defended, plan, backend=RTX, precision=precision, allow_dead_noise=True) for _ in range(BUILDS)
    ]
    seconds = [build.manifest.build_seconds for build in builds]
    return f"{median(seconds):.2f} s, {plan.stat().st_size / 1e6:.1f} MB"


def print_defences(folder: Path) -> None:
    """Print a line for each defence and number of classes."""
    from defence_cost import VARIANTS, write

    for classes in CLASSES:
        for name in VARIANTS:
            path = write(folder, name, classes)
            profiles = profiles_of(input_specs(read_model(path)))
            seconds = median(seconds_of(path, profiles) for _ in range(BUILDS))
            print(f"{classes:4} classes  {name:20} {seconds:.2f} s", flush=True)


def seconds_of(path: Path, profiles: dict[str, Profile]) -> float:
    """Build a plan once, and give the time."""
    start = time.perf_counter()
    build_plan(path, profiles, BuildOptions(RTX))
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
