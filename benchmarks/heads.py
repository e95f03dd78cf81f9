"""What the defence alone costs on the CPU, and how many operators it has, against the same of an older checkout.

    python benchmarks/heads.py make OLD --checkout PATH     # the files of an older checkout, in the folder OLD
    python benchmarks/heads.py make NEW                     # those of this one
    python benchmarks/heads.py compare OLD NEW              # the table

Each file is a linear layer of four features with a defence. The two files run in turn, in pairs, in ONNX Runtime with
one thread and its own optimisation; a figure is a median, of the thread's time on the processor, which other work
beside it moves little. Operators are counted after that optimisation, beyond those of the same layer with a softmax.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CLASSES, BATCHES, FEATURES = (10, 100, 1000), (1, 64, 256), 4
VARIANTS = ("random", "keyed", "keyed, labels kept")
SESSIONS, SECONDS, LEAST_TURNS = 5, 0.3, 20


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--checkout", type=Path, default=Path(__file__).parent.parent)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.folder, arguments.checkout)
    else:
        compare(arguments.before, arguments.after)


def make(folder: Path, checkout: Path) -> None:
    """Export every variant with the library of a checkout."""
    sys.path.insert(0, str(checkout.resolve()))
    from dynanoise_export.defences.dynanoise import DynaNoise
    from dynanoise_export.defences.keep_label import keeping_label
    from dynanoise_export.exporting import export

    folder.mkdir(parents=True, exist_ok=True)
    for classes in CLASSES:
        plain = folder / f"plain {classes}.onnx"
        onnx.save(layer(classes, ["z"]), plain)
        onnx.save(layer(classes, ["z", "p"]), folder / f"softmax {classes}.onnx")
        for variant in VARIANTS:
            noise, *kept = variant.split(", ")
            defence = keeping_label(DynaNoise(), bool(kept))
            export(plain, folder / f"{variant} {classes}.onnx", defence=defence, noise=noise)


def layer(classes: int, values: list[str]) -> onnx.ModelProto:
    """Make a linear layer, with a softmax if it is to give `p`."""
    weights = np.random.default_rng(0).normal(size=(FEATURES, classes)).astype(np.float32)
    nodes = [helper.make_node("Gemm", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["p"], axis=-1)]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", w])
            for n, w in (("x", FEATURES), (values[-1], classes))]  # fmt: skip
    graph = helper.make_graph(
        nodes[: len(values)], "layer", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def compare(before: Path, after: Path) -> None:
    """Print the table."""
    print("| | classes | operators before | after | " + " | ".join(f"batch {n}" for n in BATCHES) + " |")
    print("|---|---|---|---|" + "---|" * len(BATCHES))
    for variant in VARIANTS:
        for classes in CLASSES:
            name = f"{variant} {classes}.onnx"
            counts = [operators(one / name) - operators(one / f"softmax {classes}.onnx") for one in (before, after)]
            cells = [cell(before / name, after / name, after / f"softmax {classes}.onnx", batch) for batch in BATCHES]
            print(f"| {variant} | {classes} | {counts[0]} | {counts[1]} | " + " | ".join(cells) + " |", flush=True)


def operators(path: Path) -> int:
    """Count the operators that are left of a file."""
    with TemporaryDirectory() as folder:
        options = settings()
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return len(onnx.load(options.optimized_model_filepath).graph.node)


def settings() -> onnxruntime.SessionOptions:
    """Give the options of a session: one thread, and no warnings."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def cell(before: Path, after: Path, softmax: Path, batch: int) -> str:
    """Say what a batch costs beyond a softmax before and after, in µs, and the ratio of the whole files."""
    rows = {"x": np.random.default_rng(1).normal(size=(batch, FEATURES)).astype(np.float32)}
    taken = np.concatenate([paired([before, after, softmax], rows) for _ in range(SESSIONS)])
    old, new, plain = np.median(taken, axis=0) * 1e6
    ratio = np.median(taken[:, 1] / taken[:, 0])
    return f"{old - plain:.1f} → {new - plain:.1f} µs, {ratio:.2f}"


def paired(paths: list[Path], rows: dict[str, np.ndarray]) -> np.ndarray:
    """Run three files in turn for a while, the first two in either order: seconds, one row a turn."""
    sessions = [onnxruntime.InferenceSession(path, settings(), providers=["CPUExecutionProvider"]) for path in paths]
    for session in sessions * 5:
        session.run(None, rows)
    turns: list[list[float]] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(turns) < LEAST_TURNS:
        order = [0, 1, 2] if len(turns) % 2 else [1, 0, 2]  # so that neither always finds the other's cache
        taken = {place: _seconds(sessions[place], rows) for place in order}
        turns.append([taken[place] for place in range(3)])
    return np.array(turns)


def _seconds(session: onnxruntime.InferenceSession, rows: dict[str, np.ndarray]) -> float:
    start = time.thread_time()
    session.run(None, rows)
    return time.thread_time() - start


if __name__ == "__main__":
    main()
