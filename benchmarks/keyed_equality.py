"""Whether keyed noise is the same wherever a file runs: 100,000 queries, other sessions, processes, threads, batches.

    DYNANOISE_DATA=… python benchmarks/keyed_equality.py --work DIR mlp-location30
    DYNANOISE_DATA=… python benchmarks/keyed_equality.py --work DIR alexnet-cifar10 --queries 20000

DIR is the folder of benchmarks/results.py, with its targets. The queries are the target's rows and
near-duplicates of them. The other passes, and the PyTorch reference with
the twin of the noise, are compared with the first pass (one thread, batches of 256). Counted are the queries whose
answer differs by more than 1e-5 in any class, those of them that are not on the edge of a cell, where rounding would
decide, and those whose label is not the undefended one.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from stored_logits import nearby

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import read_key
from dynanoise_export.noise.keyed.keyed_noise import DEFAULT_GRIDS, KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.new_process import predict_in_new_process
from dynanoise_export.runtimes.onnx_runtime import LEVELS, OnnxRuntimeEndpoint
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.types import Array, Arrays, Bools, Float32s, Float64s, Int64s, row_count
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.tolerance import ANSWER_TOLERANCE

DEFENCE = KeptLabel(DynaNoise())


@dataclass(frozen=True)
class Session:
    """A session with its own options, which answers all rows."""

    path: Path
    threads: int = 1
    level: str = "all"
    batch: int = 256

    def __call__(self, rows: Arrays) -> Float32s:
        """Answer all rows."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[self.level])
        session = onnxruntime.InferenceSession(self.path, options)
        parts = [
            session.run(None, {name: array[start : start + self.batch] for name, array in rows.items()})[0]
            for start in range(0, row_count(rows), self.batch)
        ]
        return np.concatenate(parts)


def main() -> None:
    """Print a line for each pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=100_000)
    arguments = parser.parse_args()
    folder = arguments.work / arguments.target
    with TemporaryDirectory() as made:
        file = Path(made) / "keyed.onnx"
        export(folder / "target.pt", file, defence=DEFENCE, noise=NoiseSource.KEYED)
        with Reference(open_source(folder / "target.pt")) as undefended:
            rows = queries(open_audit(folder / "bundle", undefended.source.inputs).inputs, arguments.queries)
            logits = undefended.logits(rows)
        first = Session(file)(rows)
        tables = KeyedNoise(read_key(Path(f"{file}.key")), DEFAULT_GRIDS).tables(logits.shape[1])
        edge = on_an_edge(logits, tables)
        reference = DEFENCE.defend(logits, keyed_normals(logits, tables).astype(np.float64))
        label = logits.argmax(axis=1)
        print(f"{arguments.target}: {len(first):,} queries, {edge.sum():,} on the edge of a cell", flush=True)
        print_differences("the reference in NumPy, float64", reference, first, edge, label)
        for name, answers in passes(file, rows):
            print_differences(name, answers(), first, edge, label)


def queries(rows: Arrays, wanted: int) -> dict[str, Array]:
    """Make this number of queries from the rows."""
    parts = [dict(rows), *nearby(rows, 0.1, wanted // row_count(rows) + 1)]
    joined = {name: np.concatenate([np.asarray(part[name]) for part in parts])[:wanted] for name in rows}
    return {name: np.ascontiguousarray(array) for name, array in joined.items()}


def passes(file: Path, rows: Arrays) -> Iterator[tuple[str, Callable[[], Float32s]]]:
    """List the ways to answer all rows again."""
    yield "another session", lambda: Session(file)(rows)
    yield (
        "another process",
        lambda: np.asarray(predict_in_new_process(OnnxRuntimeEndpoint(file), rows, "probabilities")),
    )
    yield "two threads", lambda: Session(file, threads=2)(rows)
    for batch in (1, 7, 64, 1000):
        yield f"batches of {batch}", lambda batch=batch: Session(file, batch=batch)(rows)  # type: ignore[misc]
    for level in list(LEVELS)[:-1]:
        yield f"level: {level}", lambda level=level: Session(file, level=level)(rows)  # type: ignore[misc]


def print_differences(name: str, answers: Float32s | Float64s, first: Float32s, edge: Bools, label: Int64s) -> None:
    """Print how many answers differ from those of the first pass."""
    others = np.abs(answers - first).max(axis=1) > ANSWER_TOLERANCE
    flips = int((answers.argmax(axis=1) != label).sum())
    print(
        f"{name:34} {others.sum():4} differ, {(others & ~edge).sum()} of them not on an edge; {flips} labels flipped",
        flush=True,
    )


if __name__ == "__main__":
    main()
