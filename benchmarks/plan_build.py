"""How long TensorRT-RTX takes to build plans; it takes no GPU, and `pip install 'dynanoise-export[tensorrt-rtx]'`.

    python benchmarks/plan_build.py                            # four targets, all noise sources, float32 and float16
    python benchmarks/plan_build.py --target alexnet-cifar10   # one of them
    python benchmarks/plan_build.py --heads                    # heads alone, on logits

The weights are untrained, which is all the same to a builder. The plans are for batches of 1 to 256 and, for texts, for
1 to 512 tokens.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.manifest import Profile
from dynanoise_export.deployment.tensorrt.building import BuildOptions, build_plan
from dynanoise_export.deployment.tensorrt.compiling import CompileOptions, compile_plan
from dynanoise_export.deployment.tensorrt.profiles import profiles_of
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.graph.files import read_model
from dynanoise_export.parameters import NoiseSource, Parameters, Precision
from dynanoise_export.runtimes.tensorrt.backend import Backend
from dynanoise_export.sources.onnx_file import input_specs
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS

MEASURED = ("alexnet-cifar10", "resnet20-cifar10", "distilbert-sst2", "mlp-location30")
CLASSES = (10, 100, 1000)
RTX = BuildOptions(Backend.RTX)
BUILDS = 3  # the figure is their median


def main() -> None:
    """Print a table of what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--heads", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        if arguments.heads:
            print_heads(Path(folder))
            return
        print("| target | noise | float32 | float16 |\n|---|---|---|---|")
        for target in arguments.target or MEASURED:
            for noise in NoiseSource:
                defended = export_untrained(target, noise, Path(folder))
                cells = [cell(defended, precision) for precision in Precision]
                print(f"| `{target}` | {noise} | {' | '.join(cells)} |", flush=True)


def export_untrained(target: str, noise: NoiseSource, folder: Path) -> Path:
    """Export an untrained target with a source of noise."""
    torch.manual_seed(0)
    checkpoint, defended = folder / f"{target}.pt", folder / f"{target}-{noise}.onnx"
    save_checkpoint(checkpoint, target, {}, TARGETS[target].make())
    export(checkpoint, defended, DynaNoise(Parameters()), ExportOptions(noise=noise))
    return defended


def cell(defended: Path, precision: Precision) -> str:
    """Build a plan a few times, and tell how long it took and how large it is."""
    plan = defended.with_suffix(".plan")
    options = CompileOptions(RTX, precision=precision, allow_dead_noise=True)
    seconds = [compile_plan(defended, plan, options).manifest.build_seconds for _ in range(BUILDS)]
    return f"{median(seconds):.2f} s, {plan.stat().st_size / 1e6:.1f} MB"


def print_heads(folder: Path) -> None:
    """Print a line for each head and number of classes."""
    from head_cost import HEADS, write

    for classes in CLASSES:
        for name in HEADS:
            path = write(folder, name, classes)
            profiles = profiles_of(input_specs(read_model(path)))
            seconds = median(seconds_of(path, profiles) for _ in range(BUILDS))
            print(f"{classes:4} classes  {name:20} {seconds:.2f} s", flush=True)


def seconds_of(path: Path, profiles: dict[str, Profile]) -> float:
    """Build a plan once, and tell how long it took."""
    start = time.perf_counter()
    build_plan(path, profiles, RTX, lambda done, of, told: None)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
