"""Optimization profiles: for which shapes a plan is built, from the axes that a file declares and the user's word."""

import re
from collections.abc import Sequence

from dynanoise_export.deployed.manifest import Profile
from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import TensorSpec

# The smallest, the most frequent and the largest size of a dynamic axis that the user says nothing of.
BATCH = (1, 8, 256)
LENGTH = (1, 128, 512)

Sizes = tuple[int, int, int]
FORM = "NAME:MIN:OPT:MAX, as in input:1x3x32x32:8x3x32x32:256x3x32x32"


def parse_profile(text: str) -> tuple[str, Profile]:
    """Read NAME:MIN:OPT:MAX, with shapes as in 8x3x32x32; the name may hold colons itself.

    Raises:
        UserError: the text has another form.
    """
    name, *shapes = text.rsplit(":", 3)
    if not name or len(shapes) != 3 or not all(re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})*", shape) for shape in shapes):
        raise UserError(f"--profile {text} is not {FORM}.")
    smallest, usual, largest = (tuple(map(int, shape.split("x"))) for shape in shapes)
    if not len(smallest) == len(usual) == len(largest):
        raise UserError(f"--profile {text} gives shapes of different ranks.")
    if not all(1 <= low <= middle <= high for low, middle, high in zip(smallest, usual, largest, strict=True)):
        raise UserError(f"--profile {text} must give sizes from 1 on, with MIN ≤ OPT ≤ MAX on each axis.")
    return name, (smallest, usual, largest)


def profiles_of(specs: Sequence[TensorSpec], given: Sequence[str] = ()) -> dict[str, Profile]:
    """Make the profile of each input: what is given, and for the other axes of the same name the same.

    An axis that nobody says anything of is taken for a batch where it is the first, and for a length elsewhere.

    Args:
        specs: of the inputs, that of the noise included.
        given: the user's profiles, as `parse_profile` reads them.

    Raises:
        UserError: what is given does not fit the inputs, or a dynamic axis of an image has no sizes.
    """
    sizes: dict[str, Sizes] = {}
    for text in given:
        name, profile = parse_profile(text)
        spec = next((spec for spec in specs if spec.name == name), None)
        if spec is None:
            raise UserError(f"--profile {text} is for no input; there are {', '.join(s.name for s in specs)}.")
        _take(text, spec, profile, sizes)
    return {spec.name: _profile(spec, sizes) for spec in specs}


def _take(text: str, spec: TensorSpec, profile: Profile, sizes: dict[str, Sizes]) -> None:
    """Take the sizes of the dynamic axes from what the user gave for an input."""
    if len(profile[0]) != len(spec.shape):
        raise UserError(f"--profile {text} has another rank than the input {spec}.")
    for place, (axis, *asked) in enumerate(zip(spec.shape, *profile, strict=True)):
        low, middle, high = asked
        if isinstance(axis, int) and {low, middle, high} != {axis}:
            raise UserError(f"--profile {text} changes an axis that is fixed in the input {spec}.")
        if isinstance(axis, str) and sizes.setdefault(_axis(axis, place), (low, middle, high)) != (low, middle, high):
            raise UserError(f"--profile {text} gives the axis {axis!r} other sizes than another --profile.")


def _profile(spec: TensorSpec, sizes: dict[str, Sizes]) -> Profile:
    of_axes = [
        (axis, axis, axis) if isinstance(axis, int) else sizes.get(_axis(axis, place)) or _default(spec, place)
        for place, axis in enumerate(spec.shape)
    ]
    smallest, usual, largest = zip(*of_axes, strict=True) if of_axes else ((), (), ())
    return smallest, usual, largest


def _axis(name: str, place: int) -> str:
    """Name an axis; all that stand first count the rows of one batch, whatever they are called."""
    return "batch" if place == 0 else name


def _default(spec: TensorSpec, place: int) -> Sizes:
    if place == 0:
        return BATCH
    if len(spec.shape) > 3:
        raise UserError(f"The input {spec} has no fixed axis {place}: give its sizes with --profile {FORM}.")
    return LENGTH
