"""Optimization profiles: the shapes that a plan is built for, from the declared axes and the user's choices."""

import re
from collections.abc import Sequence

from dynanoise_export.deployed.manifest import Profile
from dynanoise_export.errors import UsageError
from dynanoise_export.types import TensorSpec

# The smallest, the most frequent and the largest size of a dynamic axis for which the user gives no sizes.
BATCH = (1, 8, 256)
LENGTH = (1, 128, 512)

Sizes = tuple[int, int, int]
FORM = "NAME:MIN:OPT:MAX, as in input:1x3x32x32:8x3x32x32:256x3x32x32"


def parse_profile(text: str) -> tuple[str, Profile]:
    """Read NAME:MIN:OPT:MAX, with shapes as in 8x3x32x32; the name may contain colons itself.

    Raises:
        UsageError: the text has another form.
    """
    name, *shapes = text.rsplit(":", 3)
    if not name or len(shapes) != 3 or not all(re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})*", shape) for shape in shapes):
        raise UsageError(f"--profile {text} is not {FORM}.")
    smallest, usual, largest = (tuple(map(int, shape.split("x"))) for shape in shapes)
    if not len(smallest) == len(usual) == len(largest):
        raise UsageError(f"--profile {text} gives shapes of different ranks.")
    if not all(1 <= low <= middle <= high for low, middle, high in zip(smallest, usual, largest, strict=True)):
        raise UsageError(f"--profile {text} must give sizes of 1 or more, with MIN ≤ OPT ≤ MAX on each axis.")
    return name, (smallest, usual, largest)


def profiles_of(specs: Sequence[TensorSpec], given: Sequence[str] = ()) -> dict[str, Profile]:
    """Make the profile of each input from what the user gives; axes of the same name get the same sizes.

    A dynamic axis without given sizes counts as the batch if it is the first, and as a length otherwise.

    Args:
        specs: of the inputs, that of the noise included.
        given: the user's profiles, as `parse_profile` reads them.

    Raises:
        UsageError: a profile does not fit the inputs, or a dynamic axis of an image has no sizes.
    """
    sizes: dict[str, Sizes] = {}
    for text in given:
        name, profile = parse_profile(text)
        spec = next((spec for spec in specs if spec.name == name), None)
        if spec is None:
            raise UsageError(
                f"--profile {text} names no input of the model; its inputs are {', '.join(s.name for s in specs)}."
            )
        _add_sizes(text, spec, profile, sizes)
    return {spec.name: _profile(spec, sizes) for spec in specs}


def _add_sizes(text: str, spec: TensorSpec, profile: Profile, sizes: dict[str, Sizes]) -> None:
    """Add the sizes of an input's dynamic axes from the profile that the user gives for it."""
    if len(profile[0]) != len(spec.shape):
        raise UsageError(f"--profile {text} has another rank than the input {spec}.")
    for position, (axis, low, middle, high) in enumerate(zip(spec.shape, *profile, strict=True)):
        if isinstance(axis, int) and {low, middle, high} != {axis}:
            raise UsageError(f"--profile {text} changes an axis that is fixed in the input {spec}.")
        given = (low, middle, high)
        if isinstance(axis, str) and sizes.setdefault(_axis(axis, position), given) != given:
            raise UsageError(f"--profile {text} gives the axis {axis!r} other sizes than another --profile.")


def _profile(spec: TensorSpec, sizes: dict[str, Sizes]) -> Profile:
    of_axes = [
        (axis, axis, axis) if isinstance(axis, int) else sizes.get(_axis(axis, position)) or _default(spec, position)
        for position, axis in enumerate(spec.shape)
    ]
    smallest, usual, largest = zip(*of_axes, strict=True) if of_axes else ((), (), ())
    return smallest, usual, largest


def _axis(name: str, position: int) -> str:
    """Name an axis; every first axis counts the rows of the same batch, whatever its name."""
    return "batch" if position == 0 else name


def _default(spec: TensorSpec, position: int) -> Sizes:
    if position == 0:
        return BATCH
    if len(spec.shape) > 3:
        raise UsageError(f"The axis {position} of the input {spec} is dynamic: give its sizes with --profile {FORM}.")
    return LENGTH
