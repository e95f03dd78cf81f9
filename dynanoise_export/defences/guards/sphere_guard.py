"""A guard that clips each number to its range, and lets the model answer copies with Gaussian offsets."""

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

from dynanoise_export.defences.guards.box_guard import Box, clipped, described_ends, ends_of, require_ends
from dynanoise_export.defences.guards.copying_guard import DEFAULT_COPIES, CopyingGuard, copies_of
from dynanoise_export.defences.guards.guard import GuardKind
from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset
from dynanoise_export.types import Floats, TensorSpec


@script(Opset(DOMAIN, VERSION), default_opset=op)
def SphereGuard(x, low, high, offsets, rows):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # A comparison with NaN is false, so NaN becomes the lowest number.
    raised = op.Where(op.GreaterOrEqual(x, low), x, low)
    inside = op.Where(op.LessOrEqual(raised, high), raised, high)
    copies = op.Reshape(op.Add(inside, offsets), op.Cast(rows, to=onnx.TensorProto.INT64))
    return copies  # noqa: RET504


@dataclass(frozen=True)
class Sphere(CopyingGuard):
    """Each number is clipped to its range, and the copies have Gaussian offsets.

    The tensor `sigma` is the standard deviation of the offsets, as a share of each number's range: what has no range
    has no offset. The copies may lie outside the ranges.
    """

    kind = GuardKind.SPHERE
    function_name = "SphereGuard"
    tensor_names = ("low", "high", "sigma", "offsets")
    offsets_name = "offsets"
    secret_names = ("offsets",)
    defaults = MappingProxyType({"sigma": 0.1, "copies": DEFAULT_COPIES})

    @classmethod
    def around(cls, box: Box, specs: Sequence[TensorSpec], parameters: Mapping[str, float]) -> Self:
        """Draw offsets, from the operating system's entropy.

        Args:
            box: with the ranges.
            specs: of the model's inputs.
            parameters: `sigma`, as a share of the ranges, and `copies`.

        Raises:
            UserError: a parameter is out of bounds, or the model's rows can't be copied.
        """
        copies, sigma = copies_of(cls.kind, parameters, specs), parameters["sigma"]
        if not 0 < sigma <= 1:
            raise UsageError(
                f"The guard sphere takes a sigma above 0 and up to 1, as a share of the numbers' ranges, not {sigma:g}."
            )
        generator = np.random.default_rng()  # without a seed, it takes one from the operating system
        shapes = {spec.name: (copies, *(int(axis) for axis in spec.shape[1:])) for spec in specs}
        held = {name: {**box.bounds[name], "sigma": FixedTensor.of(sigma)} for name in shapes}
        return cls({name: _with_offsets(held[name], shape, generator) for name, shape in shapes.items()})

    def redrawn(self, generator: np.random.Generator) -> Self:
        """Draw other offsets of the same law."""
        return type(self)(
            {name: _with_offsets(held, held["offsets"].shape, generator) for name, held in self.bounds.items()}
        )

    def operands(self, name: str) -> dict[str, Floats]:
        """Give the lower and the upper ends."""
        return ends_of(self.bounds[name])

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function."""
        return of_opset(SphereGuard, opset)

    def described(self, name: str) -> str:
        """Describe the ranges and the copies."""
        ends = described_ends(*self.operands(name).values())
        return f"{ends}, {self.copies} copies, sigma {self.bounds[name]['sigma'].array:g} of the range"

    def _require_sound(self, name: str) -> None:
        require_ends(self.kind, name, *self.operands(name).values())
        self._require_offsets(name)
        sigma = self.bounds[name]["sigma"]
        if sigma.shape or not 0 < sigma.array <= 1:
            raise UsageError(f"The guard sphere needs for the input {name!r} one sigma above 0 and up to 1.")

    def _computed(self, rows: Floats, *operands: Floats) -> Floats:
        low, high, *_ = operands
        return clipped(rows, low, high)

    def _moved(self, rows: Floats, offsets: Floats) -> Floats:
        return rows + offsets


def _with_offsets(
    tensors: Mapping[str, FixedTensor], shape: tuple[int, ...], generator: np.random.Generator
) -> dict[str, FixedTensor]:
    """Draw the offsets of an input, beside its other tensors."""
    ends = ends_of(tensors)
    wide = ends["high"].astype(np.float64) - ends["low"]
    drawn = generator.standard_normal(shape) * tensors["sigma"].array * wide
    return {**tensors, "offsets": FixedTensor.of(drawn)}
