"""A guard that makes each number the nearest of the levels of 8 bits.

The levels are found in the images, whatever was done to them: divided by 255, or normalised for each channel. They are
looked up in a table, so that a level of the images comes back bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx
import onnx_ir as ir

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.guards.box_guard import clipped, parts_of
from dynanoise_export.defences.guards.guard import Guard, GuardKind, guarded_inputs
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.layouts import channel_axis
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset
from dynanoise_export.types import Array, Arrays, Float32s, Float64s, Floats, Int64s, TensorSpec

# Of 8 bits.
LEVELS = 256
# How far a level may lie from its place between the others, in steps; float16 moves a level by 0.06.
UNEVEN = 0.1


@script(Opset(DOMAIN, VERSION), default_opset=op)
def ImageGuard(x, low, high, step, start, levels):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # A comparison with NaN is false, so NaN becomes the lowest level.
    raised = op.Where(op.GreaterOrEqual(x, low), x, low)
    inside = op.Where(op.LessOrEqual(raised, high), raised, high)
    number = op.Round(op.Div(op.Sub(inside, low), step))
    place = op.Cast(op.Add(number, start), to=onnx.TensorProto.INT64)
    return op.Gather(levels, place)


@dataclass(frozen=True)
class Image(Guard):
    """Each number becomes the nearest level of its channel; NaN becomes the lowest one.

    The tensor `levels` of an input has the shape [levels, …]: after the first axis that of a row, with axes of size 1
    for what shares its levels, as in [256, 3, 1, 1]. Levels are evenly spaced. A channel with fewer levels than others
    repeats its highest one.
    """

    kind = GuardKind.IMAGE
    function_name = "ImageGuard"
    tensor_names = ("levels",)

    @classmethod
    def of_rows(cls, inputs: Arrays, specs: Sequence[TensorSpec]) -> Self:
        """Find the levels of each channel in rows: from the darkest to the brightest value, evenly spaced.

        Args:
            inputs: an array of n rows for each input.
            specs: of the model's inputs. An input that is no batch of images of 1 or 3 channels counts as one.

        Raises:
            UserError: a channel's values do not lie on 256 evenly spaced levels, or the model takes no floats.
        """
        return cls({spec.name: {"levels": _levels_of(inputs[spec.name], spec)} for spec in guarded_inputs(specs)})

    @classmethod
    def of_range(cls, low: float, high: float, specs: Sequence[TensorSpec]) -> Self:
        """Spread 256 levels over one range, for all channels of all inputs.

        Raises:
            UsageError: the range is empty or not finite, or the model takes no floats.
        """
        if not low < high:
            raise UsageError(f"The guard image needs a range from a lower to a higher number, not {low:g}:{high:g}.")
        levels = FixedTensor.of(low + np.arange(LEVELS) * (high - low) / (LEVELS - 1))
        return cls({spec.name: {"levels": levels} for spec in guarded_inputs(specs)})

    def operands(self, name: str) -> dict[str, Floats]:
        """Give each channel's lowest and highest level, the step between levels, and its place in the table."""
        levels = self.bounds[name]["levels"].array
        low, high, channels = levels[0], levels[-1], levels[0].size
        apart = np.maximum((levels < high).sum(axis=0), 1)
        wide = (high.astype(np.float64) - low) / apart
        start = np.arange(channels).reshape(low.shape) * len(levels)
        return {
            "low": low,
            "high": high,
            "step": np.where(wide > 0, wide, 1).astype(np.float32),
            "start": start.astype(np.float32),
        }

    def tables(self, name: str) -> dict[str, Floats]:
        """Give the levels of all channels, one channel after the other."""
        levels = self.bounds[name]["levels"].array
        return {"levels": np.ascontiguousarray(levels.reshape(len(levels), -1).T.ravel())}

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function."""
        return of_opset(ImageGuard, opset)

    def described(self, name: str) -> str:
        """Describe the levels."""
        levels = self.bounds[name]["levels"].array
        ends = f"{levels.min():g} to {levels.max():g} in {len(levels)} levels"
        channels = levels[0].size
        return f"{ends}, {channels} channels" if channels > 1 else ends

    def _require_sound(self, name: str) -> None:
        levels = self.bounds[name]["levels"].array
        sound = (
            levels.ndim > 0 and levels.size > 0 and len(levels) <= LEVELS and bool((np.diff(levels, axis=0) >= 0).all())
        )
        if not sound or not self._comes_back(name):
            raise UsageError(f"The levels of the guard image for the input {name!r} are not evenly spaced.")

    def _comes_back(self, name: str) -> bool:
        """Whether each level becomes itself, and lies where it must."""
        levels = self.bounds[name]["levels"].array
        given = self.operands(name)
        even = (levels.astype(np.float64) - given["low"]) / given["step"]
        uneven = np.abs(even - np.round(even)).max()
        again = self._computed(levels, *given.values(), *self.tables(name).values())
        return bool(uneven <= UNEVEN and np.array_equal(again, levels))

    def _computed(self, rows: Floats, *operands: Floats) -> Floats:
        low, high, step, start, levels = operands
        number = np.round((clipped(rows, low, high) - low) / step)
        return np.asarray(levels[(number + start).astype(np.int64)])


def _levels_of(array: Array, spec: TensorSpec) -> FixedTensor:
    axis = channel_axis(array.shape)
    channels = [array] if axis is None else np.moveaxis(array, axis, 0)
    found = [_evenly_spaced(_values_of(channel, spec.name), spec.name) for channel in channels]
    most = max(map(len, found))
    table = np.stack([np.pad(levels, (0, most - len(levels)), mode="edge") for levels in found], axis=1)
    shape = [1] * (array.ndim - 1)
    if axis is not None:
        shape[axis - 1] = len(found)
    return FixedTensor.of(table.reshape(most, *shape))


def _values_of(channel: Array, name: str) -> Float32s:
    """List the different values of a channel.

    Raises:
        DataError: there are more than 8 bits have, or one is not finite or more than a float32 holds.
    """
    known = np.empty(0, channel.dtype)
    for part in parts_of(channel):
        values = part.ravel()
        if known.size:  # a few comparisons take less time than sorting
            nearest = known[np.minimum(np.searchsorted(known, values), known.size - 1)]
            values = values[nearest != values]
        known = np.union1d(known, values)
        if known.size > LEVELS or not np.isfinite(known).all():
            raise DataError(_not_8_bits(name))
    if not np.array_equal(known.astype(np.float32), known):
        raise DataError(f"The levels of the images in the input {name!r} are no float32 numbers: choose --guard box.")
    return known.astype(np.float32)


def _evenly_spaced(values: Float32s, name: str) -> Float32s:
    """Find evenly spaced levels that hold all values of a channel, and fill those that no row has.

    Raises:
        DataError: there are none.
    """
    if len(values) == 1:
        return values
    places = _places(values.astype(np.float64))
    if places is None:
        raise DataError(_not_8_bits(name))
    steps = np.arange(places[-1] + 1)
    levels = np.interp(steps, places, values.astype(np.float64)).astype(np.float32)
    levels[places] = values
    return levels


def _places(values: Float64s) -> Int64s | None:
    """Count for each of some sorted values its steps from the first one; None if no 256 even steps fit."""
    for count in range(len(values) - 1, LEVELS):
        places = (values - values[0]) / (values[-1] - values[0]) * count
        numbers: Int64s = np.round(places).astype(np.int64)
        if np.abs(places - numbers).max() <= UNEVEN and (np.diff(numbers) > 0).all():
            return numbers
    return None


def _not_8_bits(name: str) -> str:
    return f"The rows of the guard are no images of 8 bits in the input {name!r}: choose --guard box."
