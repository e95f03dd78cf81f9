"""Is keyed noise the same wherever a file runs: 100,000 queries, in sessions, processes, threads, batches and levels.

    DYNANOISE_DATA=… python benchmarks/keyed_equality.py --work DIR mlp-location30
    DYNANOISE_DATA=… python benchmarks/keyed_equality.py --work DIR alexnet-cifar10 --queries 20000

DIR is that of benchmarks/results.py, whose targets are taken. The queries are the target's rows, mirrored and shifted
too where they are images, and near-duplicates of them elsewhere. The first pass (one thread, batches of 256) is what
the others are held against, the PyTorch reference with the twin of the noise among them. Counted are the queries whose
answer differs by more than 1e-5 in any class, how many of those lie on no edge of a cell, where rounding would decide,
and whose label is not the undefended one.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.queries.variants import image_axes, moved, scales, transformed
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.noise.keyed.key import read_key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.parameters import DEFAULT_GRIDS, NoiseSource, Parameters
from dynanoise_export.runtimes.new_process import predict_in_new_process
from dynanoise_export.runtimes.onnx_runtime import LEVELS, OnnxRuntimeEndpoint
from dynanoise_export.runtimes.predictor import Arrays
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import reference_logits
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.parity_checks import HEAD_TOLERANCE

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Session:
    """A session with options of its own."""

    path: Path
    threads: int = 1
    level: str = "all"
    batch: int = 256

    def __call__(self, rows: Arrays) -> Floats:
        """Answer all rows."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[self.level])
        session = onnxruntime.InferenceSession(self.path, options)
        count = len(next(iter(rows.values())))
        parts = [
            session.run(None, {name: array[start : start + self.batch] for name, array in rows.items()})[0]
            for start in range(0, count, self.batch)
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
        export(folder / "target.pt", file, DynaNoise(Parameters(), True), ExportOptions(noise=NoiseSource.KEYED))
        target = open_source(folder / "target.pt")
        rows = queries(dict(open_audit(folder / "bundle", target.inputs).inputs), arguments.queries)
        logits = reference_logits(target, rows)
        first = Session(file)(rows)
        tables = KeyedNoise(read_key(Path(f"{file}.key")), DEFAULT_GRIDS).tables(logits.shape[1])
        edge = on_an_edge(logits, logits, tables)
        z = torch.from_numpy(logits)
        reference = DynaNoise(Parameters(), True).defend(z, keyed_normals(z, tables).double()).numpy()
        label = logits.argmax(axis=1)
        print(f"{arguments.target}: {len(first):,} queries, {edge.sum():,} on the edge of a cell", flush=True)
        told("the reference in PyTorch, float64", reference, first, edge, label)
        for name, answers in passes(file, rows):
            told(name, answers(), first, edge, label)


def queries(rows: dict[str, npt.NDArray[np.generic]], wanted: int) -> dict[str, npt.NDArray[np.generic]]:
    """Make so many queries of the rows."""
    images = image_axes(rows)
    count = len(next(iter(rows.values())))
    variants = transformed(images) if images else moved(0.1, wanted // count + 1, scales(rows))
    parts = [dict(rows), *variants(rows)]
    joined = {name: np.concatenate([np.asarray(part[name]) for part in parts])[:wanted] for name in rows}
    return {name: np.ascontiguousarray(array) for name, array in joined.items()}


def passes(file: Path, rows: Arrays) -> Iterator[tuple[str, Callable[[], Floats]]]:
    """List the ways to answer them all again."""
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


def told(name: str, answers: np.ndarray, first: Floats, edge: npt.NDArray[np.bool_], label: np.ndarray) -> None:
    """Print how many answers differ."""
    others = np.abs(answers - first).max(axis=1) > HEAD_TOLERANCE
    flips = int((answers.argmax(axis=1) != label).sum())
    print(
        f"{name:34} {others.sum():4} differ, {(others & ~edge).sum()} of them on no edge; {flips} labels flipped",
        flush=True,
    )


if __name__ == "__main__":
    main()
