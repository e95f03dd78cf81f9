"""What the defence costs on the CPU: each target with the defence, over the same model with a plain softmax.

    python benchmarks/overhead.py                                       # every target, batches 1, 8, 64 and 256
    python benchmarks/overhead.py --target digits-mlp --batch 1         # one of them
    python benchmarks/overhead.py --target digits-mlp --profile         # where the time goes, operator by operator

The weights are untrained, texts have 128 tokens, and ONNX Runtime has one thread. It measures as `dynanoise-export
bench` does, by the same library: the two models run in turn, in pairs, in up to ten sessions each.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table

from dynanoise_export.benchmarking.benchmark import BATCHES, bench
from dynanoise_export.benchmarking.calls import LENGTH
from dynanoise_export.benchmarking.figures import Run
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.sources.inputs import draw
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS

PROFILED_RUNS = 200


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--pairs", type=int, help="the number of pairs; by default as many as fit into half a minute")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        for target in arguments.target or TARGETS:
            defended = export_untrained(target, Path(folder))
            for batch in arguments.batch or BATCHES:
                if arguments.profile:
                    print_profile(target, batch, defended)
                else:
                    report = bench(defended, batches=[batch], threads=1, pairs=arguments.pairs)
                    print_ratio(target, report.runs[0])


def export_untrained(target: str, folder: Path) -> Path:
    """Export an untrained target with the defence."""
    torch.manual_seed(0)
    checkpoint, defended = (folder / f"{target}{end}" for end in (".pt", ".onnx"))
    save_checkpoint(checkpoint, target, {}, TARGETS[target].make())
    export(checkpoint, defended)
    return defended


def print_ratio(target: str, run: Run) -> None:
    """Print the ratio of a target at a batch."""
    assert run.plain is not None
    assert run.ratio is not None
    plain, defended = (1e3 * run.batch / latency.throughput for latency in (run.plain, run.defended))
    print(
        f"{target:18} batch {run.batch:3}  plain {plain:10.3f} ms  defended {defended:10.3f} ms  "
        f"ratio {run.ratio.value:.4f} [{run.ratio.low:.4f}, {run.ratio.high:.4f}]  {run.pairs:3} pairs",
        flush=True,
    )


def print_profile(target: str, batch: int, defended: Path) -> None:
    """Print where the time goes, by ONNX Runtime's own profile."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_profiling, options.profile_file_prefix = True, str(defended.with_suffix(""))
    session = onnxruntime.InferenceSession(defended, options)
    inputs = draw(input_specs(read_model(defended)), batch, {"sequence": LENGTH})
    for _ in range(PROFILED_RUNS):
        session.run(None, inputs)
    spent: dict[str, list[float]] = defaultdict(list)
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            spent[f"{event['args']['op_name']} {event['name'].removesuffix('_kernel_time')}"].append(event["dur"])
    table = Table("operator", "µs, median", title=f"{target}, batch {batch}")
    for operator, durations in spent.items():
        table.add_row(operator, f"{np.median(durations):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
