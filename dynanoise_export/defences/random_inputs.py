"""Random inputs like those of a model, which are nobody's data."""

from collections.abc import Mapping

import numpy as np

from dynanoise_export.types import Array, Arrays

# An input with so few values beside another input is a mask or a type, whose values belong together.
VALUES_OF_A_MASK = 2


def random_inputs(rows: Arrays, count: int, generator: np.random.Generator) -> Mapping[str, Array]:
    """Draw inputs in the range of given rows.

    Each feature is drawn on its own, so no drawn input is one of the rows, except by chance. Fractions are uniform
    between the smallest and the largest value of their feature, and numbers that are whole in all rows stay whole.
    Integers, such as tokens, are taken from a random row at their place. A mask beside tokens is taken whole from a
    random row.

    Args:
        rows: n rows for each input of a model.
        count: how many to draw.
        generator: draws them.
    """
    return {name: _drawn(array, count, generator, alone=len(rows) == 1) for name, array in rows.items()}


def _drawn(array: Array, count: int, generator: np.random.Generator, *, alone: bool) -> Array:
    if array.dtype.kind == "f":
        return _uniform(array, count, generator)
    if not alone and len(np.unique(array)) <= VALUES_OF_A_MASK:
        return array[generator.integers(len(array), size=count)]
    flat = np.asarray(array).reshape(len(array), -1)
    which = generator.integers(len(flat), size=(count, flat.shape[1]))
    return np.take_along_axis(flat, which, axis=0).reshape(count, *array.shape[1:])


def _uniform(array: Array, count: int, generator: np.random.Generator) -> Array:
    numbers = np.asarray(array, np.float64)
    low, high = numbers.min(axis=0), numbers.max(axis=0)
    shape = (count, *array.shape[1:])
    if (numbers == np.round(numbers)).all():
        return generator.integers(low.astype(np.int64), high.astype(np.int64), endpoint=True, size=shape).astype(
            array.dtype
        )
    return generator.uniform(low, high, size=shape).astype(array.dtype)
