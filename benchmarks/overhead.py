"""What the defence costs on the CPU: each model with the head, over the same model with a plain softmax.

    python benchmarks/overhead.py                        # AlexNet, ResNet-20 and the MLP, batches 1, 8, 64 and 256
    python benchmarks/overhead.py --model mlp --batch 1  # one of them
    python benchmarks/overhead.py --profile              # where the head's own time goes, operator by operator

The two models run in turn, in pairs, in one thread, in ten sessions each, and each pair gives a ratio: what else the
machine does then falls on both. The figure is the median of the ratios, with a 95% interval from the order statistics.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx_ir as ir
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import binom

from dynanoise_export.exporting import export
from dynanoise_export.mechanism.heads import DynaNoise
from dynanoise_export.parameters import Parameters
from dynanoise_export.targets.opening import open_target
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS

MODELS = {"alexnet": "alexnet-cifar10", "resnet20": "resnet20-cifar10", "mlp": "mlp-purchase100"}
BATCHES = (1, 8, 64, 256)
ROUNDS = 10
SECONDS_A_RUN = 0.01  # a run shorter than that is repeated, so that the clock's own cost does not count


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        for name in arguments.model or MODELS:
            plain, defended = make_pair(MODELS[name], Path(folder))
            for batch in arguments.batch or BATCHES:
                if arguments.profile:
                    print_profile(name, batch, defended)
                else:
                    print_ratio(name, batch, plain, defended, arguments.pairs)


def make_pair(target: str, folder: Path) -> tuple[Path, Path]:
    """Export an untrained target twice: with a plain softmax at its end, and with the head."""
    torch.manual_seed(0)
    checkpoint, plain, defended = (folder / f"{target}{end}" for end in (".pt", "-plain.onnx", "-defended.onnx"))
    save_checkpoint(checkpoint, target, {}, TARGETS[target].make())
    model = open_target(checkpoint).to_onnx(None)
    softmax = ir.node("Softmax", [model.graph.outputs[0]], attributes={"axis": -1})
    softmax.outputs[0].name, softmax.outputs[0].type = "probabilities", ir.TensorType(ir.DataType.FLOAT)
    model.graph.append(softmax)
    model.graph.outputs[:] = softmax.outputs
    ir.save(model, plain)
    export(checkpoint, defended, DynaNoise(Parameters()))
    return plain, defended


def print_ratio(name: str, batch: int, plain: Path, defended: Path, pairs: int) -> None:
    """Measure one model at one batch size, and print a row."""
    (plain_s, defended_s), ratio, low, high = compared(plain, defended, batch, pairs)
    print(
        f"{name:9} batch {batch:3}  plain {plain_s * 1e3:8.3f} ms  defended {defended_s * 1e3:8.3f} ms  "
        f"ratio {ratio:.4f} [{low:.4f}, {high:.4f}]",
        flush=True,
    )


def compared(plain: Path, defended: Path, batch: int, pairs: int) -> tuple[np.ndarray, float, float, float]:
    """Give both medians in seconds, and the median of the ratios with its interval."""
    times = np.concatenate([run_pairs(plain, defended, batch, pairs // ROUNDS, turn) for turn in range(ROUNDS)])
    ratios = times[:, 1] / times[:, 0]
    return np.median(times, axis=0), float(np.median(ratios)), *interval(ratios)


def run_pairs(plain: Path, defended: Path, batch: int, pairs: int, turn: int) -> np.ndarray:
    """Open both files anew and time them in turn: [pairs, 2], in seconds.

    Where a session's weights come to lie in memory makes it faster or slower as long as it lives, and whoever runs
    second may find the cache warm: so several sessions are opened, in turn first the one and then the other.
    """
    order = [0, 1] if turn % 2 == 0 else [1, 0]
    opened = {which: runner((plain, defended)[which], batch) for which in order}
    repeats = max(1, round(SECONDS_A_RUN / once(opened[0], 5)))
    return np.array(
        [[taken[0], taken[1]] for taken in ({w: once(opened[w], repeats) for w in order} for _ in range(pairs))]
    )


def runner(path: Path, batch: int, *, profile: str | None = None) -> Callable[[], object]:
    """Open a model in one thread and bind an input of normals; what is returned runs it once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, profile
    session = onnxruntime.InferenceSession(path, options)
    taken = session.get_inputs()[0]
    x = np.random.default_rng(0).standard_normal((batch, *taken.shape[1:]), dtype=np.float32)
    run = lambda: session.run(None, {taken.name: x})  # noqa: E731
    run()
    if profile is not None:
        for _ in range(200):
            run()
        return session.end_profiling
    return run


def once(run: Callable[[], object], repeats: int) -> float:
    """Time a run: the mean of a few in a row, in seconds."""
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def interval(values: np.ndarray, coverage: float = 0.95) -> tuple[float, float]:
    """Give the interval of the median from the order statistics, which assumes nothing of the distribution."""
    low = int(binom.ppf((1 - coverage) / 2, len(values), 0.5))
    ordered = np.sort(values)
    return float(ordered[low]), float(ordered[len(values) - 1 - low])


def print_profile(name: str, batch: int, defended: Path) -> None:
    """Tell where the head's time goes, by ONNX Runtime's own profile."""
    events = json.loads(Path(str(runner(defended, batch, profile=str(defended.with_suffix("")))())).read_text())
    spent: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            spent[f"{event['args']['op_name']} {event['name'].removesuffix('_kernel_time')}"].append(event["dur"])
    table = Table("operator", "µs, median", title=f"{name}, batch {batch}")
    for operator, durations in spent.items():
        table.add_row(operator, f"{np.median(durations):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
