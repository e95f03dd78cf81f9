"""Tensors that a defence or a guard carries: part of what a file states about itself."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, Strict

from dynanoise_export.errors import FormatError
from dynanoise_export.records import Record
from dynanoise_export.types import Float32s

# A bank of 1,000 answers of 1,000 classes has a million numbers.
MOST_NUMBERS = 1 << 22
TYPE = np.dtype("<f4")


class PackedTensor(Record):
    """A tensor as JSON: its shape, and its float32 numbers, little-endian, in base64."""

    shape: Annotated[tuple[Annotated[int, Field(ge=0, le=MOST_NUMBERS)], ...], Field(max_length=8), Strict(False)]
    float32: Annotated[str, Field(max_length=6 * MOST_NUMBERS)]


@dataclass(frozen=True)
class FixedTensor:
    """A float32 array that does not change; two are equal if their shapes and numbers are.

    Attributes:
        shape: of the array.
        data: its numbers, little-endian.
    """

    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: npt.ArrayLike) -> Self:
        """Copy an array, as float32."""
        numbers = np.ascontiguousarray(array, dtype=TYPE)
        return cls(np.shape(array), numbers.tobytes())

    @property
    def array(self) -> Float32s:
        """The array; it can't be written to."""
        return np.frombuffer(self.data, TYPE).reshape(self.shape).astype(np.float32, copy=False)

    def packed(self) -> dict[str, object]:
        """Give plain values for JSON."""
        return {"shape": list(self.shape), "float32": base64.b64encode(self.data).decode("ascii")}

    @classmethod
    def from_packed(cls, packed: PackedTensor, what: str) -> Self:
        """Unpack a tensor that a file states.

        Args:
            packed: from the file.
            what: the tensor is, for messages.

        Raises:
            FormatError: the numbers do not fill the shape, or are not finite.
        """
        try:
            data = base64.b64decode(packed.float32, validate=True)
        except ValueError as error:
            raise FormatError(f"{what} is damaged: its numbers are not in base64.") from error
        if len(data) != TYPE.itemsize * math.prod(packed.shape):
            raise FormatError(f"{what} is damaged: its numbers do not fill the shape {list(packed.shape)}.")
        tensor = cls(packed.shape, data)
        if not np.isfinite(tensor.array).all():
            raise FormatError(f"{what} is damaged: it holds numbers that are not finite.")
        return tensor


def packed_tensors(tensors: Mapping[str, FixedTensor]) -> dict[str, dict[str, object]]:
    """Give plain values for JSON, by name."""
    return {name: tensor.packed() for name, tensor in tensors.items()}


def unpacked_tensors(packed: Mapping[str, PackedTensor], what: str) -> dict[str, FixedTensor]:
    """Unpack the tensors that a file states, by name.

    Raises:
        FormatError: one of them is damaged.
    """
    return {name: FixedTensor.from_packed(tensor, f"{what} {name!r}") for name, tensor in packed.items()}
