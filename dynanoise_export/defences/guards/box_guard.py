"""A guard that clips each number to its range."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.guards.guard import ROWS, Guard, GuardKind, guarded_inputs
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset
from dynanoise_export.types import Array, Arrays, Float32s, Floats, TensorSpec

ENDS = ("low", "high")


@script(Opset(DOMAIN, VERSION), default_opset=op)
def BoxGuard(x, low, high):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # A comparison with NaN is false, so NaN becomes the lowest number; runtimes differ in what Clip makes of it.
    raised = op.Where(op.GreaterOrEqual(x, low), x, low)
    guarded = op.Where(op.LessOrEqual(raised, high), raised, high)
    return guarded  # noqa: RET504


@dataclass(frozen=True)
class Box(Guard):
    """Each number is clipped to its range; NaN becomes the lower end."""

    kind = GuardKind.BOX
    function_name = "BoxGuard"
    tensor_names = ENDS

    @classmethod
    def of_rows(cls, inputs: Arrays, specs: Sequence[TensorSpec]) -> Self:
        """Find the range of each number in rows.

        Args:
            inputs: an array of n rows for each input.
            specs: of the model's inputs. Numbers along a dynamic axis share one range.

        Raises:
            UserError: the rows hold numbers that are not finite, or the model takes no floats.
        """
        return cls({spec.name: _range(inputs[spec.name], spec) for spec in guarded_inputs(specs)})

    @classmethod
    def of_range(cls, low: float, high: float, specs: Sequence[TensorSpec]) -> Self:
        """Give all numbers of all inputs of floats one range.

        Raises:
            UsageError: the range is empty or not finite, or the model takes no floats.
        """
        return cls({spec.name: _ends(np.float32(low), np.float32(high)) for spec in guarded_inputs(specs)})

    def operands(self, name: str) -> dict[str, Floats]:
        """Give the lower and the upper ends."""
        return ends_of(self.bounds[name])

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function."""
        return of_opset(BoxGuard, opset)

    def described(self, name: str) -> str:
        """Describe the ranges."""
        return described_ends(*self.operands(name).values())

    def _require_sound(self, name: str) -> None:
        require_ends(self.kind, name, *self.operands(name).values())

    def _computed(self, rows: Floats, *operands: Floats) -> Floats:
        return clipped(rows, *operands)


def ends_of(bounds: Mapping[str, FixedTensor]) -> dict[str, Floats]:
    """Give the lower and the upper ends of an input."""
    return {end: bounds[end].array for end in ENDS}


def described_ends(low: Floats, high: Floats) -> str:
    """Describe ranges, for people."""
    ends = f"{low.min():g} to {high.max():g}"
    return f"{ends}, {low.size:,} ranges" if low.size > 1 else ends


def require_ends(kind: GuardKind, name: str, low: Floats, high: Floats) -> None:
    """Check the ends of an input, which may come from a file.

    Raises:
        UsageError: a range is empty.
    """
    if low.shape != high.shape or not low.size or not (low <= high).all():
        raise UsageError(f"The guard {kind} needs for the input {name!r} lower ends that are not above the upper ones.")


def clipped(rows: Floats, low: Floats, high: Floats) -> Floats:
    """Clip rows as the function does: NaN becomes the lower end."""
    raised = np.where(rows >= low, rows, low)
    return np.where(raised <= high, raised, high)


def ranges_of(array: Array) -> tuple[Array, Array]:
    """Find the smallest and the largest value of each number of n rows, in the array's type."""
    ends = [(part.min(axis=0), part.max(axis=0)) for part in parts_of(array)]
    low, high = (np.stack(values) for values in zip(*ends, strict=True))
    return low.min(axis=0), high.max(axis=0)


def parts_of(array: Array) -> Iterator[Array]:
    """Split n rows into parts of a few thousand."""
    yield from np.array_split(array, max(1, -(-len(array) // ROWS)))


def _range(array: Array, spec: TensorSpec) -> Mapping[str, FixedTensor]:
    low, high = ranges_of(array)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise DataError(f"The rows of the guard hold numbers that are not finite, in the input {spec.name!r}.")
    shared = tuple(place for place, axis in enumerate(spec.shape[1:]) if isinstance(axis, str))
    low, high = low.min(axis=shared, keepdims=True), high.max(axis=shared, keepdims=True)
    return _ends(_outward(low, -np.inf), _outward(high, np.inf))


def _outward(ends: Array, direction: float) -> Float32s:
    """Round to float32, away from the rows, so that no row is outside."""
    exact, rounded = ends.astype(np.float64), ends.astype(np.float32)
    inside = rounded > exact if direction < 0 else rounded < exact
    return np.where(inside, np.nextafter(rounded, np.float32(direction)), rounded)


def _ends(low: Float32s | np.float32, high: Float32s | np.float32) -> Mapping[str, FixedTensor]:
    return {"low": FixedTensor.of(low), "high": FixedTensor.of(high)}
