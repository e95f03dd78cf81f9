"""ONNX classifiers that declare an axis of any size, and do not run on every size."""

from pathlib import Path

import numpy as np
import onnx_ir as ir

from support.exports import Inputs
from support.graphs import parse

KERNEL, STEP, CLASSES = 80, 16, 5
# The only number of columns that the classifier of `write_two_columns` takes, and what nobody guesses.
COLUMNS = 2
_generator = np.random.default_rng(0)
WEIGHTS = {
    "kernel": (_generator.standard_normal((4, 1, KERNEL)) / 8).astype(np.float32),
    "head": _generator.standard_normal((4, CLASSES)).astype(np.float32),
}


def write(folder: Path, text: str, **weights: np.ndarray) -> Path:
    """Write a graph in ONNX's text form, with these weights by name, to `model.onnx`."""
    model = parse(text)
    for name, array in weights.items():
        value = ir.Value(name=name, const_value=ir.tensor(array.astype(np.float32), name=name))
        model.graph.register_initializer(value)
    ir.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def write_sound(folder: Path) -> Path:
    """Write a classifier of sounds [n, 1, t], with t of at least the size of its kernel."""
    text = """g (float[N,1,T] x) => (float[N,5] y) {
        c = Conv<strides=[16]>(x, kernel)
        r = Relu(c)
        m = ReduceMean<axes=[-1], keepdims=0>(r)
        y = MatMul(m, head) }"""
    return write(folder, text, **WEIGHTS)


def sound_logits(inputs: Inputs) -> np.ndarray:
    """Compute the logits of `write_sound` in NumPy."""
    windows = np.lib.stride_tricks.sliding_window_view(inputs["x"][:, 0], KERNEL, axis=1)[:, ::STEP]
    return np.maximum(windows @ WEIGHTS["kernel"][:, 0].T, 0).mean(axis=1) @ WEIGHTS["head"]


def write_two_columns(folder: Path) -> Path:
    """Write a classifier of rows [n, f], which only runs with two columns."""
    return write(folder, "g (float[N,F] x) => (float[N,3] y) <float[2,3] w = {1,2,3,4,5,7}> { y = MatMul(x, w) }")
