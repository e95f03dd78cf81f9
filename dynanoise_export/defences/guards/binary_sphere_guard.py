"""A guard that makes each number 0 or 1, and lets the model answer copies in which some numbers are flipped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
import onnx
import onnx_ir as ir

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.guards.binary_guard import HALF
from dynanoise_export.defences.guards.copying_guard import DEFAULT_COPIES, CopyingGuard, copies_of
from dynanoise_export.defences.guards.guard import GuardKind
from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset
from dynanoise_export.types import Floats, TensorSpec


@script(Opset(DOMAIN, VERSION), default_opset=op)
def BinarySphereGuard(x, half, zero, one, flipped, rows):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # A comparison with NaN is false, so NaN becomes 0.
    bits = op.Where(op.Greater(x, half), one, zero)
    copies = op.Reshape(op.Abs(op.Sub(bits, flipped)), op.Cast(rows, to=onnx.TensorProto.INT64))
    return copies  # noqa: RET504


@dataclass(frozen=True)
class BinarySphere(CopyingGuard):
    """Each number becomes 0 or 1 as with the guard binary, and each copy has other numbers flipped.

    The tensor `flips` is the share of the numbers that are flipped; in `flipped`, 1 flips a number and 0 does not.
    """

    kind = GuardKind.BINARY_SPHERE
    function_name = "BinarySphereGuard"
    tensor_names = ("flips", "flipped")
    offsets_name = "flipped"
    secret_names = ("flipped",)
    defaults = MappingProxyType({"flips": 0.05, "copies": DEFAULT_COPIES})

    @classmethod
    def around(cls, specs: Sequence[TensorSpec], parameters: Mapping[str, float]) -> Self:
        """Draw which numbers are flipped, from the operating system's entropy.

        Args:
            specs: of the model's inputs.
            parameters: `flips`, the share of flipped numbers, and `copies`.

        Raises:
            UserError: a parameter is out of bounds, or the model's rows can't be copied.
        """
        copies, flips = copies_of(cls.kind, parameters, specs), parameters["flips"]
        if not 0 < flips <= HALF:
            raise UsageError(f"The guard binary-sphere takes flips above 0 and up to 0.5, not {flips:g}.")
        generator = np.random.default_rng()  # without a seed, it takes one from the operating system
        shapes = {spec.name: (copies, *(int(axis) for axis in spec.shape[1:])) for spec in specs}
        return cls(
            {
                name: {"flips": FixedTensor.of(flips), "flipped": _flipped(generator, shape, flips)}
                for name, shape in shapes.items()
            }
        )

    def redrawn(self, generator: np.random.Generator) -> Self:
        """Draw again which numbers are flipped."""
        return type(self)(
            {
                name: {**held, "flipped": _flipped(generator, held["flipped"].shape, float(held["flips"].array))}
                for name, held in self.bounds.items()
            }
        )

    def operands(self, name: str) -> dict[str, Floats]:
        """Give the limit and the two numbers."""
        return {key: np.asarray(value, np.float32) for key, value in (("half", HALF), ("zero", 0), ("one", 1))}

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function."""
        return of_opset(BinarySphereGuard, opset)

    def described(self, name: str) -> str:
        """Describe the domain and the copies."""
        return f"0 or 1, {self.copies} copies, {self.bounds[name]['flips'].array:g} of the numbers flipped"

    def _require_sound(self, name: str) -> None:
        self._require_offsets(name)
        flips, flipped = (self.bounds[name][key] for key in self.tensor_names)
        if flips.shape or not 0 < flips.array <= HALF or not np.isin(flipped.array, (0, 1)).all():
            raise UsageError(
                f"The guard binary-sphere needs for the input {name!r} a share, and flips that are 0 or 1."
            )

    def _computed(self, rows: Floats, *operands: Floats) -> Floats:
        half, zero, one, *_ = operands
        return np.where(rows > half, one, zero)

    def _moved(self, rows: Floats, offsets: Floats) -> Floats:
        return np.abs(rows - offsets)


def _flipped(generator: np.random.Generator, shape: tuple[int, ...], flips: float) -> FixedTensor:
    return FixedTensor.of(generator.random(shape) < flips)
