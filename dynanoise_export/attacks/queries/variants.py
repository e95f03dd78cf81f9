"""Queries that are like a row and not the row: what an attacker asks beside it."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from dynanoise_export.runtimes.predictor import Arrays

Array = npt.NDArray[np.generic]
Variants = Callable[[Arrays], Iterator[dict[str, Array]]]

# The sides of what is taken for an image.
SMALLEST_SIDE = 8
COLOURS = (1, 3)

# Along the height (0) or the width (1), by so many pixels; and the image mirrored, which makes one more.
SHIFTS = ((0, -1), (0, 1), (1, -1), (1, 1))
TRANSFORMS = 1 + len(SHIFTS)


def same(count: int) -> Variants:
    """Ask a row itself, so often."""

    def variants(rows: Arrays) -> Iterator[dict[str, Array]]:
        for _ in range(count):
            yield dict(rows)

    return variants


def moved(delta: float, count: int, scales: dict[str, float]) -> Variants:
    """Ask so many neighbours of a row: Gaussian steps on each number of it.

    Args:
        delta: the standard deviation of a step, in units of the input's own.
        count: how many neighbours.
        scales: the standard deviation of each input that is made of floats; others are not moved.
    """
    generator = np.random.default_rng(0)

    def variants(rows: Arrays) -> Iterator[dict[str, Array]]:
        for _ in range(count):
            yield {name: step(array, scales[name]) if name in scales else array for name, array in rows.items()}

    def step(array: Array, scale: float) -> Array:
        by = delta * scale * generator.standard_normal(array.shape, dtype=np.float32)
        return np.asarray(array.astype(np.float32) + by).astype(array.dtype)

    return variants


def transformed(axes: dict[str, tuple[int, int]]) -> Variants:
    """Ask an image mirrored, and shifted by a pixel to each side (Choquette-Choo et al. 2021).

    Args:
        axes: the axes of height and width of each input that is an image.
    """

    def variants(rows: Arrays) -> Iterator[dict[str, Array]]:
        yield {name: np.flip(array, axes[name][1]) if name in axes else array for name, array in rows.items()}
        for side, by in SHIFTS:
            yield {
                name: _shifted(array, axes[name][side], by) if name in axes else array for name, array in rows.items()
            }

    return variants


def scales(inputs: Arrays) -> dict[str, float]:
    """Tell the standard deviation of the values of each input that is made of floats."""
    floats = {name: array for name, array in inputs.items() if array.dtype.kind == "f"}
    # A few thousand rows tell it well enough, and not all of a large bundle is read.
    return {name: float(array[:4096].astype(np.float64).std()) or 1.0 for name, array in floats.items()}


def image_axes(inputs: Arrays) -> dict[str, tuple[int, int]]:
    """Tell the axes of height and width of each input that is an image, with its colours first or last."""
    found = {}
    for name, array in inputs.items():
        if array.dtype.kind != "f" or array.ndim != 4:
            continue
        if array.shape[1] in COLOURS and min(array.shape[2:]) >= SMALLEST_SIDE:
            found[name] = (2, 3)
        elif array.shape[3] in COLOURS and min(array.shape[1:3]) >= SMALLEST_SIDE:
            found[name] = (1, 2)
    return found


def _shifted(array: Array, axis: int, by: int) -> Array:
    """Shift along an axis; the edge is repeated."""
    places = np.clip(np.arange(array.shape[axis]) - by, 0, array.shape[axis] - 1)
    return np.take(array, places, axis=axis)
