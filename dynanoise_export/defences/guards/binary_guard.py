"""A guard that makes each number 0 or 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.guards.box_guard import parts_of
from dynanoise_export.defences.guards.guard import Guard, GuardKind, guarded_inputs
from dynanoise_export.errors import DataError
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset
from dynanoise_export.types import Arrays, Floats, TensorSpec

# What counts as 1 is above this number, so that it becomes 0 itself, as it does when it is rounded to even.
HALF = 0.5


@script(Opset(DOMAIN, VERSION), default_opset=op)
def BinaryGuard(x, half, zero, one):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # A comparison with NaN is false, so NaN becomes 0.
    return op.Where(op.Greater(x, half), one, zero)


@dataclass(frozen=True)
class Binary(Guard):
    """Each number becomes 1 if it is above 0.5, and else 0; NaN becomes 0."""

    kind = GuardKind.BINARY
    function_name = "BinaryGuard"

    @classmethod
    def of_inputs(cls, specs: Sequence[TensorSpec], rows: Arrays | None = None) -> Self:
        """Guard all inputs of floats of a model.

        Args:
            specs: of the model's inputs.
            rows: that must be binary; None if there are none.

        Raises:
            UserError: the rows hold other numbers than 0 and 1, or the model takes no floats.
        """
        covered = guarded_inputs(specs)
        for spec in covered if rows is not None else ():
            if not all(np.isin(part, (0, 1)).all() for part in parts_of(rows[spec.name])):  # type: ignore[index]
                raise DataError(
                    f"The rows of the guard hold other numbers than 0 and 1 in the input {spec.name!r}: choose "
                    "--guard box."
                )
        return cls({spec.name: {} for spec in covered})

    def operands(self, name: str) -> dict[str, Floats]:
        """Give the limit and the two numbers."""
        return {key: np.asarray(value, np.float32) for key, value in (("half", HALF), ("zero", 0), ("one", 1))}

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function."""
        return of_opset(BinaryGuard, opset)

    def described(self, name: str) -> str:
        """Describe the domain."""
        return "0 or 1"

    def _require_sound(self, name: str) -> None:
        """Accept all: there are no tensors."""

    def _computed(self, rows: Floats, *operands: Floats) -> Floats:
        half, zero, one = operands
        return np.where(rows > half, one, zero)
