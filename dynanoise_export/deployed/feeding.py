"""Prepare rows for a model: pad fixed batches, and add the noise of a model that takes it as an input."""

from collections.abc import Sequence

import numpy as np

from dynanoise_export.errors import ModelInputError
from dynanoise_export.noise.system_normals import draw_normals
from dynanoise_export.types import Array, Arrays, TensorSpec, row_count


def fixed_batch(inputs: Sequence[TensorSpec]) -> int | None:
    """Find the batch size of a model with a fixed batch axis; None if the axis is dynamic."""
    return next((spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], int)), None)


def filled_up(array: Array, size: int | None) -> Array:
    """Pad a batch to a fixed size by repeating its last row."""
    missing = (size or 0) - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing > 0 else array


def with_noise(name: str, rows: Arrays, noise_input: TensorSpec | None) -> Arrays:
    """Add standard normals from the operating system's generator, if the model takes its noise as an input.

    Args:
        name: of the model, for messages.
        rows: the inputs that a client sends.
        noise_input: the input that takes the noise, or None.

    Raises:
        ModelInputError: the model does not declare the width of its noise input.
    """
    if noise_input is None:
        return rows
    classes = noise_input.shape[-1]
    if not isinstance(classes, int):
        raise ModelInputError(f"{name} does not declare how many numbers its input {noise_input.name!r} takes per row.")
    return {**rows, noise_input.name: draw_normals((row_count(rows), classes))}
