"""Rows around the centres of classes, and an ONNX model that knows the centres: it is right on all rows but a few."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from support.graphs import parse


@dataclass(frozen=True)
class Blobs:
    """Classes of rows, with a centre for each, float32 [k, *shape]."""

    centres: np.ndarray

    @classmethod
    def drawn(cls, *shape: int, classes: int = 3) -> "Blobs":
        """Draw the centres of classes of rows with this shape, from 0.2 to 0.8."""
        drawn = np.random.default_rng(7).uniform(0.2, 0.8, (classes, *shape))
        return cls(drawn.astype(np.float32))

    def rows(self, count: int, seed: int = 0, spread: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows in [0, 1], float32 [count, *shape], and their labels."""
        rng = np.random.default_rng(seed)
        y = np.arange(count) % len(self.centres)
        x = self.centres[y] + rng.normal(0, spread, (count, *self.centres.shape[1:]))
        return np.clip(x, 0, 1).astype(np.float32), y

    def model(self, path: Path, names: tuple[str, ...] = ()) -> Path:
        """Save a model with the logits 50 (2x·c − c·c) for each centre c; with names, its inputs are of [n, 1] each."""
        flat = self.centres.reshape(len(self.centres), -1)
        size, classes = flat.shape[1], len(flat)
        weights = ", ".join(f"{value:.6f}" for value in (100 * flat.T).ravel())
        bias = ", ".join(f"{value:.6f}" for value in -50 * (flat**2).sum(axis=1))
        shape = ",".join(map(str, ("n", *self.centres.shape[1:])))
        inputs = ", ".join(f"float[n,1] {name}" for name in names) or f"float[{shape}] x"
        joined = f"x = Concat <axis = 1> ({', '.join(names)})" if names else ""
        graph = f"""linear ({inputs}) => (float[n,{classes}] z) <int64[2] s = {{-1, {size}}},
            float[{size},{classes}] weights = {{{weights}}}, float[{classes}] bias = {{{bias}}}>
            {{ {joined} f = Reshape(x, s)  m = MatMul(f, weights)  z = Add(m, bias) }}"""
        ir.save(parse(graph), path)
        return path
