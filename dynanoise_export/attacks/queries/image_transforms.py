"""Transformed images: mirrored, shifted, brighter and darker, which a model that learnt with them knows too.

Source: Choquette-Choo et al. 2021. New here: shadow models are asked about the same transformed images.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from dynanoise_export.attacks.domain import Domain, image_axes
from dynanoise_export.attacks.queries.query_plan import (
    Ask,
    PlanContext,
    PreparedPlan,
    Reading,
    Rows,
    bounds_of,
    margin,
)
from dynanoise_export.types import Array, Arrays, Float32s, Float64s

# After so many transforms there is a reading.
COUNTS = (5, 15)
SHIFTS = ((0, -1), (0, 1), (-1, 0), (1, 0))
# How far an image gets darker or brighter, as a share of the way to its range's end.
BRIGHTNESS = 0.1

# An image [b, ...], its axes of height and width, and its range, to another image.
Transform = Callable[[Array, tuple[int, int], tuple[Float32s, Float32s]], Array]


def transform_plan(context: PlanContext) -> list[PreparedPlan]:
    """Send each image transformed, and count the labels; the mean margin of the answers is a second reading."""
    counts = tuple(count for count in COUNTS if count <= context.budget)
    axes, bounds = image_axes(context.inputs), bounds_of(context.inputs)
    if not counts or not axes:
        return []
    line = "transformed images"
    labels = [Reading(f"labels of {n} transformed images", n, Domain.IMAGE, line, labels_only=True) for n in counts]
    means = [Reading(f"{n} transformed images averaged", n, Domain.IMAGE, line) for n in counts]

    def change(transform: Transform, inputs: Arrays) -> dict[str, Array]:
        return dict(inputs) | {name: transform(inputs[name], axes[name], bounds[name]) for name in axes}

    return [PreparedPlan((*labels, *means), partial(_read, counts, change))]


def _read(counts: tuple[int, ...], change: Callable[[Transform, Arrays], Arrays], ask: Ask, rows: Rows) -> Float64s:
    kept, total, labels, means = np.zeros(len(rows)), np.zeros(len(rows)), [], []
    for number, transform in enumerate(transforms()[: counts[-1]], start=1):
        answers = ask.answers(change(transform, rows.inputs))
        kept += answers.argmax(axis=1) == rows.y
        total += margin(answers, rows.y)
        if number in counts:
            labels.append(kept.copy())
            means.append(total / number)
    return np.stack([*labels, *means])


def transforms() -> list[Transform]:
    """List the transforms, the ones that change an image least first."""
    once = [partial(_shifted, by=by) for by in SHIFTS]
    twice = [partial(_shifted, by=(2 * down, 2 * right)) for down, right in SHIFTS]
    both = [partial(_mirrored_shifted, by=by) for by in SHIFTS]
    return [_mirrored, *once, *both, partial(_towards, end=0), partial(_towards, end=1), *twice]


def _mirrored(image: Array, axes: tuple[int, int], _: tuple[Float32s, Float32s]) -> Array:
    return np.ascontiguousarray(np.flip(image, axes[1]))


def _shifted(image: Array, axes: tuple[int, int], _: tuple[Float32s, Float32s], *, by: tuple[int, int]) -> Array:
    """Shift by pixels, and repeat the edge."""
    for axis, pixels in zip(axes, by, strict=True):
        places = np.clip(np.arange(image.shape[axis]) - pixels, 0, image.shape[axis] - 1)
        image = np.take(image, places, axis=axis)
    return image


def _mirrored_shifted(
    image: Array, axes: tuple[int, int], bounds: tuple[Float32s, Float32s], *, by: tuple[int, int]
) -> Array:
    return _shifted(_mirrored(image, axes, bounds), axes, bounds, by=by)


def _towards(image: Array, _: tuple[int, int], bounds: tuple[Float32s, Float32s], *, end: int) -> Array:
    """Make an image darker (0) or brighter (1), inside the range of all images."""
    limit = bounds[end].min() if end == 0 else bounds[end].max()
    return np.asarray(image + BRIGHTNESS * (limit - image)).astype(image.dtype)
