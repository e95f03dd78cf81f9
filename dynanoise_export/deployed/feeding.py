"""Bring rows into the form that a model takes: batches of a fixed size filled up, noise fed where it takes some."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_export.noise.system_normals import standard_normals
from dynanoise_export.runtimes.predictor import Arrays, rows_of
from dynanoise_export.sources.inputs import TensorSpec


def fixed_batch(inputs: Sequence[TensorSpec]) -> int | None:
    """Tell how many rows a model takes at once where its file fixes that, or None."""
    return next((spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], int)), None)


def filled(array: npt.NDArray[np.generic], size: int | None) -> npt.NDArray[np.generic]:
    """Fill a batch of a fixed size up with its last row."""
    lacking = (size or 0) - len(array)
    return np.concatenate([array, np.repeat(array[-1:], lacking, axis=0)]) if lacking > 0 else array


def fed(name: str, rows: Arrays, noise: TensorSpec | None) -> Arrays:
    """Put standard normals from the operating system's generator beside the rows, where a model takes them.

    Args:
        name: of the model, for messages.
        rows: what a client sends.
        noise: the input that takes the noise, or None.

    Raises:
        UserError: the model does not say how many it takes.
    """
    if noise is None:
        return rows
    classes = noise.shape[-1]
    if not isinstance(classes, int):
        raise UserError(f"{name} does not say how many numbers its input {noise.name!r} takes for a row.")
    return {**rows, noise.name: standard_normals((rows_of(rows), classes))}
