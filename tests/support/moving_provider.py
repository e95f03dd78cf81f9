"""A double of a provider whose logits move: in each call by other numbers, up to a size.

It stands for a GPU: ONNX Runtime on the CPU opens each defended graph with one more input, which is added to the logits
before the defence.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx_ir as ir

from dynanoise_export.onnx_functions import DOMAIN
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.types import Array, Arrays, row_count

MOVED = "moved"
# Changes the answers of a session of the file itself: its rows, the answers [n, k], and the number of the call.
Change = Callable[[Arrays, Array, int], Array]


def move_logits(monkeypatch, file: Path, size: float, *, first_only: bool = False) -> None:
    """Let every session in this process move the logits of a file, and of the graphs that are made of it.

    Args:
        monkeypatch: pytest's.
        file: with its defence as a node.
        size: the logits move by up to this number.
        first_only: whether only the first call of each session moves them.
    """
    name, classes = _logits_of(ir.load(file))
    generator = np.random.default_rng(0)
    opened, run, inputs = OnnxRuntimePredictor.__init__, OnnxRuntimePredictor.run, OnnxRuntimePredictor.inputs

    def open_moving(self, path: Path, **options: object) -> None:
        self.calls = 0
        with TemporaryDirectory() as folder:
            opened(self, _moving(Path(path), Path(folder), name, classes), **options)

    def run_moving(self, rows: Arrays) -> dict[str, Array]:
        self.calls += 1
        if MOVED in inputs.fget(self):
            moves = generator.uniform(-size, size, (row_count(rows), classes)).astype(np.float32)
            rows = {**rows, MOVED: 0 * moves if first_only and self.calls > 1 else moves}
        return run(self, rows)

    monkeypatch.setattr(OnnxRuntimePredictor, "__init__", open_moving)
    monkeypatch.setattr(OnnxRuntimePredictor, "run", run_moving)
    shown = property(lambda self: [name for name in inputs.fget(self) if name != MOVED])
    monkeypatch.setattr(OnnxRuntimePredictor, "inputs", shown)


def change_answers(monkeypatch, file: Path, change: Change) -> None:
    """Let every session of a file in this process, but not of graphs that are made of it, change its answers."""
    opened, run = OnnxRuntimePredictor.__init__, OnnxRuntimePredictor.run

    def open_changing(self, path: Path, **options: object) -> None:
        self.answered = 0
        self.changes = Path(path) == file and not options.get("level")
        opened(self, path, **options)

    def run_changing(self, rows: Arrays) -> dict[str, Array]:
        given = run(self, rows)
        self.answered += 1
        return {name: change(rows, array, self.answered) for name, array in given.items()} if self.changes else given

    monkeypatch.setattr(OnnxRuntimePredictor, "__init__", open_changing)
    monkeypatch.setattr(OnnxRuntimePredictor, "run", run_changing)


def _logits_of(model: ir.Model) -> tuple[str, int]:
    node = next(node for node in model.graph if node.domain == DOMAIN and "Dyna" in node.op_type)
    logits = node.inputs[0]
    return logits.name, logits.shape[-1]


def _moving(path: Path, folder: Path, name: str, classes: int) -> Path:
    """Write a graph whose logits are moved by an input; give the graph itself if it is not of the file."""
    model = ir.load(path)
    logits = next((value for node in model.graph for value in node.outputs if value.name == name), None)
    if logits is None or any(value.name == MOVED for value in model.graph.inputs):
        return path
    moves = ir.Value(name=MOVED, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(["moved_rows", classes]))
    model.graph.inputs.append(moves)
    logits.name = f"{name} at rest"
    add = ir.node("Add", [logits, moves])
    ir.convenience.replace_all_uses_with(logits, add.outputs[0], replace_graph_outputs=True)
    add.replace_input_with(0, logits)
    add.outputs[0].name, add.outputs[0].type, add.outputs[0].shape = name, logits.type, logits.shape
    model.graph.insert_after(logits.producer(), add)
    ir.save(model, folder / "moving.onnx")
    return folder / "moving.onnx"
