"""Compute a model's logits once for each different row, however many heads and repeated queries ask for them.

An attack asks the target and each shadow model about the same rows again for each head, and the model itself takes
nearly all of that time. Here its graph is cut at the logits: the logits of a row that was asked before come from a
file, and the defence alone runs. `validate` shows that a defended file is its model with the defence on the logits.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx_ir as ir

from benchmarks.comparison.split_graph import split_graph
from dynanoise_export.attacks.asking import shadow_ask
from dynanoise_export.attacks.queries.neighbours import is_mask
from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.specs import fixed_batch, input_specs
from dynanoise_export.runtimes.graph_session import GraphEndpoint, open_graph
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.predictor import Closing, Predictor, answer, predict
from dynanoise_export.sources import reference_model
from dynanoise_export.types import Array, Arrays, Float32s, Int64s

# Texts of similar lengths that run together: few enough that hardly any padding is computed.
TEXTS = 32


@contextmanager
def remembering(folder: Path) -> Iterator[None]:
    """Within the block, attacks look for the logits of the target and of shadow models in a folder.

    The library opens models in these three places, and has no use of its own for another way to open them.
    """

    def opened(model: ir.Model, *options: Any, **more: Any) -> Predictor:
        return Remembering(model, folder, lambda part: open_graph(part, *options, **more))

    def opened_file(endpoint: OnnxRuntimeEndpoint) -> Predictor:
        options = {name: value for name, value in vars(endpoint).items() if name != "path"}
        return Remembering(read_model(endpoint.path), folder, lambda part: GraphEndpoint(part, **options).open())

    with ExitStack() as patched:
        patched.enter_context(patch.object(OnnxRuntimeEndpoint, "open", opened_file))
        for module in (shadow_ask, reference_model):
            patched.enter_context(patch.object(module, "open_graph", opened))
        yield


class Remembering(Closing):
    """A model that looks for its logits in a folder, and adds those that are missing.

    Args:
        model: not changed.
        folder: of the logits, a file for each model, whatever its defence and its guard.
        open_part: opens a session of a part of the model.

    Raises:
        UserError: it can't be opened.
        ValueError: it can't be cut at its logits, or its batch is fixed.
    """

    def __init__(self, model: ir.Model, folder: Path, open_part: Callable[[ir.Model], Predictor]) -> None:
        if fixed_batch(input_specs(model)) is not None:
            raise ValueError("the logits of a model with a fixed batch can't be remembered")
        self.inputs = [str(value.name) for value in model.graph.inputs]
        self.outputs = [str(value.name) for value in model.graph.outputs]
        self._parts, self._open_part = split_graph(model), open_part
        self._opened = ExitStack()
        self._guard = None if self._parts.guard is None else self._open(self._parts.guard)
        self._head = None if self._parts.head is None else self._open(self._parts.head)
        digest = content_sha256(self._parts.trunk)
        self._known = self._opened.enter_context(KnownScores(folder / f"{digest}.sqlite"))

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer one batch: the guard and the defence run, and the model itself on rows that are new."""
        parts = self._parts
        rows = {name: inputs[name] for name in (str(value.name) for value in parts.trunk.graph.inputs)}
        if self._guard is not None:
            given = self._guard.run({name: inputs[name] for name in self._guard.inputs})
            rows |= {parts.guarded[name]: array for name, array in given.items()}
        fed = {**inputs, parts.scores: self._scores(rows)}
        if self._head is None:
            return {parts.scores: fed[parts.scores]}
        return self._head.run({name: fed[name] for name in self._head.inputs})

    def close(self) -> None:
        """Close the parts, and the file of scores."""
        self._opened.close()

    @cached_property
    def _trunk(self) -> Predictor:
        """The model itself, which is opened only when a row is new."""
        return self._open(self._parts.trunk)

    def _open(self, part: ir.Model) -> Predictor:
        return self._opened.enter_context(self._open_part(part))

    def _scores(self, rows: Arrays) -> Float32s:
        digests = digests_of(rows)
        known = self._known.of(digests)
        first = {digest: number for number, digest in reversed(list(enumerate(digests))) if digest not in known}
        if first:
            new = {name: array[list(first.values())] for name, array in rows.items()}
            made = ask_trimmed(self._trunk, new, self._parts.scores)
            self._known.add(first, made)
            known |= dict(zip(first, made, strict=True))
        return np.stack([known[digest] for digest in digests])


class KnownScores(Closing):
    """The scores of a model by the digests of its rows, in a file.

    Args:
        path: of the file, which is made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Threads take turns: each opens its own, and a call is over before the next one begins.
        self._file = sqlite3.connect(path, timeout=600, isolation_level=None, check_same_thread=False)
        # An interrupted program loses nothing by this, only an interrupted computer does.
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("CREATE TABLE IF NOT EXISTS scores (digest BLOB PRIMARY KEY, scores BLOB) WITHOUT ROWID")

    def of(self, digests: Iterable[bytes]) -> dict[bytes, Float32s]:
        """Look up rows; those that are not known are left out."""
        wanted = sorted(set(digests))
        places = ", ".join("?" * len(wanted))
        found = self._file.execute(f"SELECT digest, scores FROM scores WHERE digest IN ({places})", wanted)  # noqa: S608
        return {digest: np.frombuffer(scores, np.float32) for digest, scores in found}

    def add(self, digests: Iterable[bytes], scores: Float32s) -> None:
        """Add rows with their scores [n, k]."""
        rows = [(digest, one.tobytes()) for digest, one in zip(digests, scores, strict=True)]
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", rows)
        self._file.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def digests_of(rows: Arrays) -> list[bytes]:
    """Compute a digest of 16 bytes for each row."""
    arrays = [np.ascontiguousarray(array) for _, array in sorted(rows.items())]
    return [
        hashlib.blake2b(b"".join(one.tobytes() for one in row), digest_size=16).digest()
        for row in zip(*arrays, strict=True)
    ]


def ask_trimmed(predictor: Predictor, rows: Arrays, output: str) -> Float32s:
    """Ask a model about rows; texts go by their length, and without the padding, which attention leaves out."""
    lengths = lengths_of(rows)
    if lengths is None:
        return np.asarray(predict(predictor, rows, output), np.float32)
    order = np.argsort(lengths, kind="stable")
    parts = []
    for start in range(0, len(order), TEXTS):
        chosen = order[start : start + TEXTS]
        longest = int(lengths[chosen].max())
        parts.append(answer(predictor, {name: array[chosen, :longest] for name, array in rows.items()}, output))
    made = np.concatenate(parts).astype(np.float32)
    made[order] = made.copy()
    return made


def lengths_of(rows: Arrays) -> Int64s | None:
    """Count the tokens of texts that are padded at their end; None if the rows are not such texts."""
    if len({array.shape for array in rows.values()}) > 1 or any(array.ndim != 2 for array in rows.values()):
        return None
    masks = [array for array in rows.values() if is_mask(array)]
    if len(masks) != 1 or (np.diff(masks[0].astype(np.int64), axis=1) > 0).any():
        return None
    return masks[0].sum(axis=1, dtype=np.int64)
