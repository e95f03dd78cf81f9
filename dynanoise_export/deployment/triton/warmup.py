"""Queries for a model to be warmed up with, before the server says that it is ready."""

import numpy as np

from dynanoise_export.deployment.triton.serving import Decided
from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.inputs import draw


def warmup_shapes(decided: Decided) -> dict[str, tuple[int, ...]]:
    """Choose a shape for each input, its batch included, or give none where nothing is known that surely works.

    A query that fails would keep the server from ever loading the model.
    """
    made_up = draw(decided.deployed.inputs)
    shapes = {name: array.shape for name, array in made_up.items()}
    if decided.manifest is not None:
        return shapes | {name: usual for name, (_, usual, _) in decided.manifest.profiles.items()}
    if any(isinstance(size, str) for spec in decided.deployed.inputs for size in spec.shape[1:]):
        zeros = {name: np.zeros_like(array) for name, array in made_up.items()}
        try:
            OnnxRuntimePredictor(decided.path, light=True).run(zeros | _noise(decided, next(iter(shapes.values()))[0]))
        except UserError:
            return {}
    return shapes


def _noise(decided: Decided, rows: int) -> dict[str, np.ndarray]:
    noise = decided.deployed.noise
    return {noise.name: np.zeros((rows, decided.deployed.classes), np.float32)} if noise else {}
