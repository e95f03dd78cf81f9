"""ONNX Runtime's own draws, from a state that is known."""

import sys

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from dynanoise_export.attacks.queries.normal_generator import MODULUS
from support.graphs import parse

# GCC's library seeds the generator with the seed itself.
of_linux = pytest.mark.skipif(sys.platform != "linux", reason="the builds for other systems have other generators")


class Draws:
    """A random operator with a seed, in ONNX Runtime."""

    def __init__(self, seed: int) -> None:
        graph = parse(
            f"draws (float[n,k] z) => (float[n,k] noise) {{ noise = RandomNormalLike <seed = {float(seed)}> (z) }}"
        )
        self._session = onnxruntime.InferenceSession(ir.serde.serialize_model(graph).SerializeToString())
        self.state = seed % MODULUS

    def __call__(self, rows: int, classes: int) -> np.ndarray:
        """Draw the next standard normals, float32 [rows, classes]."""
        return np.asarray(self._session.run(None, {"z": np.zeros((rows, classes), dtype=np.float32)})[0])
