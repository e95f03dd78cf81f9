"""Where images have their channels: before the height and the width, or after them."""

from collections.abc import Sequence
from enum import StrEnum

from dynanoise_export.errors import ModelInputError
from dynanoise_export.types import Array, TensorSpec

# Of a batch of images.
IMAGE_AXES = 4
# What counts as an image: the smallest side, and the numbers of channels.
SMALLEST_SIDE = 8
CHANNELS = (1, 3)


class Layout(StrEnum):
    """How the axes of images lie in an array: the channels before the height and the width, or after them."""

    NCHW = "nchw"
    NHWC = "nhwc"


# How to bring images of the other layout into each.
AXES = {Layout.NCHW: (0, 3, 1, 2), Layout.NHWC: (0, 2, 3, 1)}


def fits(array: Array, spec: TensorSpec) -> bool:
    """Whether rows have the shape that an input takes."""
    sizes = zip(array.shape[1:], spec.shape[1:], strict=False)
    return array.ndim == len(spec.shape) and all(isinstance(axis, str) or axis == size for size, axis in sizes)


def channel_axis(shape: Sequence[int]) -> int | None:
    """Find the axis of the channels of a batch of images by its shape; None if it is no such batch."""
    if len(shape) != IMAGE_AXES:
        return None
    if shape[1] in CHANNELS and min(shape[2:]) >= SMALLEST_SIDE:
        return 1
    return 3 if shape[3] in CHANNELS and min(shape[1:3]) >= SMALLEST_SIDE else None


def turned(array: Array, layout: Layout) -> Array:
    """Bring images of the other layout into this one."""
    return array.transpose(AXES[layout])


def needed_layout(array: Array, spec: TensorSpec) -> Layout | None:
    """Find the layout that an input takes, if rows are images of the other one; None if they are not, or fit."""
    if array.ndim != IMAGE_AXES or fits(array, spec):
        return None
    return next((layout for layout in Layout if fits(turned(array, layout), spec)), None)


def require_layout(what: str, array: Array, spec: TensorSpec) -> None:
    """Refuse images whose channels lie elsewhere than where a model takes them.

    Args:
        what: names the rows, for messages.
        array: the rows.
        spec: of the input that takes them.

    Raises:
        ModelInputError: names the way out.
    """
    layout = needed_layout(array, spec)
    if layout is not None:
        where = "last" if layout is Layout.NCHW else "first"
        raise ModelInputError(
            f"{what} has images with the channels {where}, {list(array.shape)}, and the model takes {spec}: "
            f"dynanoise-export bundle {what} --layout {layout} turns them."
        )
