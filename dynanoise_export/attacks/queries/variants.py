"""Queries made from a row: the row itself, queries near it, and an image transformed."""

from collections.abc import Callable, Iterator

import numpy as np

from dynanoise_export.types import Array, Arrays

# A batch of rows to the queries for it: several batches of the same shape, one after the other.
Variants = Callable[[Arrays], Iterator[dict[str, Array]]]

# What counts as an image: the smallest side, and the numbers of channels.
SMALLEST_SIDE = 8
CHANNELS = (1, 3)

# The axis of a shift, height (0) or width (1), and its pixels. The mirrored image is one more transform.
SHIFTS = ((0, -1), (0, 1), (1, -1), (1, 1))
TRANSFORMS = 1 + len(SHIFTS)


def repeated(count: int) -> Variants:
    """Send the row itself several times."""

    def variants(rows: Arrays) -> Iterator[dict[str, Array]]:
        for _ in range(count):
            yield dict(rows)

    return variants


def nearby(distance: float, count: int, scales: dict[str, float]) -> Variants:
    """Send queries near the row: a Gaussian step on each of its numbers.

    Args:
        distance: the standard deviation of a step, in standard deviations of the input's values.
        count: the number of queries.
        scales: the standard deviation of the values of each input of floats; other inputs are not moved.
    """
    generator = np.random.default_rng(0)

    def variants(rows: Arrays) -> Iterator[dict[str, Array]]:
        for _ in range(count):
            yield {name: step(array, scales[name]) if name in scales else array for name, array in rows.items()}

    def step(array: Array, scale: float) -> Array:
        by = distance * scale * generator.standard_normal(array.shape, dtype=np.float32)
        return np.asarray(array.astype(np.float32) + by).astype(array.dtype)

    return variants


def transformed(axes: dict[str, tuple[int, int]]) -> Variants:
    """Send an image mirrored, and shifted by a pixel to each side (Choquette-Choo et al. 2021).

    Args:
        axes: the axes of height and width of each input of images.
    """

    def variants(rows: Arrays) -> Iterator[dict[str, Array]]:
        yield {name: np.flip(array, axes[name][1]) if name in axes else array for name, array in rows.items()}
        for side, by in SHIFTS:
            yield {
                name: _shifted(array, axes[name][side], by) if name in axes else array for name, array in rows.items()
            }

    return variants


def input_scales(inputs: Arrays) -> dict[str, float]:
    """Measure the standard deviation of the values of each input of floats."""
    floats = {name: array for name, array in inputs.items() if array.dtype.kind == "f"}
    # A few thousand rows are enough, so that a large bundle is not read whole.
    return {name: float(array[:4096].astype(np.float64).std()) or 1.0 for name, array in floats.items()}


def image_axes(inputs: Arrays) -> dict[str, tuple[int, int]]:
    """Find the axes of height and width of each input of images, with the channels first or last."""
    found = {}
    for name, array in inputs.items():
        if array.dtype.kind != "f" or array.ndim != 4:
            continue
        if array.shape[1] in CHANNELS and min(array.shape[2:]) >= SMALLEST_SIDE:
            found[name] = (2, 3)
        elif array.shape[3] in CHANNELS and min(array.shape[1:3]) >= SMALLEST_SIDE:
            found[name] = (1, 2)
    return found


def _shifted(array: Array, axis: int, by: int) -> Array:
    """Shift along an axis, and repeat the edge."""
    places = np.clip(np.arange(array.shape[axis]) - by, 0, array.shape[axis] - 1)
    return np.take(array, places, axis=axis)
