"""Domains: which inputs an attacker may send."""

from enum import StrEnum
from pathlib import Path

import numpy as np

from dynanoise_export.errors import UsageError
from dynanoise_export.layouts import channel_axis
from dynanoise_export.types import Array, Arrays

# So many rows show what kind of values an input has.
LOOKED_AT = 4096


class Domain(StrEnum):
    """The inputs that an attacker may send, from the widest domain to the narrowest ones.

    - any: whatever the model takes.
    - box: each number within its range in the bundle.
    - binary: features of 0 and 1.
    - image: images with values in the range of the bundle's images.
    - tokens: token ids, each of which occurs in the bundle.
    """

    ANY = "any"
    BOX = "box"
    BINARY = "binary"
    IMAGE = "image"
    TOKENS = "tokens"

    def holds(self, narrower: "Domain") -> bool:
        """Whether all inputs of another domain are in this one."""
        inside_a_box = self is Domain.BOX and narrower in (Domain.BINARY, Domain.IMAGE)
        return self is Domain.ANY or self is narrower or inside_a_box


def find_domain(inputs: Arrays) -> Domain:
    """Find the narrowest domain of the rows of a bundle."""
    if not float_inputs(inputs):
        return Domain.TOKENS
    if image_axes(inputs):
        return Domain.IMAGE
    if all(_is_binary(inputs[name]) for name in float_inputs(inputs)):
        return Domain.BINARY
    return Domain.BOX


def require_rows_in(allowed: Domain, inputs: Arrays, bundle: Path) -> None:
    """Check that the rows of a bundle are in the domain that attackers keep to.

    Raises:
        UsageError: they are not.
    """
    domain = find_domain(inputs)
    if not allowed.holds(domain):
        fitting = " or ".join(one for one in Domain if one.holds(domain))
        raise UsageError(
            f"--domain {allowed} does not fit the rows of {bundle}, whose domain is {domain}: choose {fitting}."
        )


def float_inputs(inputs: Arrays) -> list[str]:
    """List the inputs of floats, whose values can be moved by small steps."""
    return [name for name, array in inputs.items() if array.dtype.kind == "f"]


def image_axes(inputs: Arrays) -> dict[str, tuple[int, int]]:
    """Find the axes of height and width of each input of images, with the channels first or last."""
    found = {}
    for name in float_inputs(inputs):
        channels = channel_axis(inputs[name].shape)
        if channels is not None:
            found[name] = (2, 3) if channels == 1 else (1, 2)
    return found


def _is_binary(array: Array) -> bool:
    return bool(np.isin(array[:LOOKED_AT], (0, 1)).all())
