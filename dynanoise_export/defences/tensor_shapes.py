"""What the tensors of a defence must hold: they may come from a file."""

import numpy as np

from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor

# How far float32 probabilities may sum from 1.
ROUNDING = 1e-4


def require_shape(name: str, tensor: FixedTensor, *axes: int | None) -> None:
    """Check the shape of a tensor; None stands for any length above 0.

    Raises:
        UsageError: it has another shape, or numbers that are not finite.
    """
    fits = len(tensor.shape) == len(axes) and all(
        size == axis if axis is not None else size > 0 for size, axis in zip(tensor.shape, axes, strict=True)
    )
    if not fits or not np.isfinite(tensor.array).all():
        wanted = ", ".join("any" if axis is None else str(axis) for axis in axes)
        raise UsageError(f"The tensor {name!r} must hold finite numbers in the shape [{wanted}], not {tensor.shape}.")


def require_answers(name: str, tensor: FixedTensor, *, in_order: bool) -> None:
    """Check that a tensor [b, k] holds probabilities, each row above 0 and with a sum of 1.

    Args:
        name: of the tensor.
        tensor: from a file or from `fit`.
        in_order: whether each row must be sorted from the largest down, with the first above all others.

    Raises:
        UsageError: it does not.
    """
    require_shape(name, tensor, None, None)
    rows = tensor.array.astype(np.float64)
    sound = rows.shape[1] > 1 and rows.min() >= 0 and np.abs(rows.sum(axis=1) - 1).max() < ROUNDING
    if not sound:
        raise UsageError(f"The tensor {name!r} must hold a probability for each of at least two classes in each row.")
    if in_order and (np.diff(rows, axis=1).max() > 0 or (rows[:, 1] >= rows[:, 0]).any()):
        raise UsageError(f"The tensor {name!r} must hold rows that are sorted from the largest probability down.")


def require_classes(name: str, tensor: FixedTensor, classes: int) -> None:
    """Check that a tensor is for a model of k classes, by its last axis.

    Raises:
        UsageError: it is for another number of classes.
    """
    if tensor.shape[-1] != classes:
        raise UsageError(
            f"The tensor {name!r} is for a model of {tensor.shape[-1]} classes, and this one has {classes}."
        )
