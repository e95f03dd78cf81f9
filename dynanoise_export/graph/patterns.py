"""Recognise what computes a value, by walking up the graph."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from dynanoise_export.types import Array

STANDARD, CONTRIB = ("", "ai.onnx"), "com.microsoft"

# They change the shape of a value or the place of an axis, and none of its numbers.
SHAPE_ONLY = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Dropout"}


@dataclass(frozen=True)
class Behind:
    """What lies behind operators that do not change values.

    Attributes:
        value: the value before them.
        reshaped: whether one of them may have changed the shape.
        rounded: whether one of them rounds, as quantisation does.
    """

    value: ir.Value
    reshaped: bool = False
    rounded: bool = False


def operator(value: ir.Value) -> str:
    """Name the standard operator, or the one of ONNX Runtime, that made a value; "" for any other."""
    node = value.producer()
    return node.op_type if node is not None and node.domain in (*STANDARD, CONTRIB) else ""


def operand(value: ir.Value, operators: Collection[str], index: int = 0) -> ir.Value | None:
    """Give an operand of the node that made a value, if the node is one of these operators."""
    node = value.producer()
    if operator(value) not in operators or node is None or len(node.inputs) <= index:
        return None
    return node.inputs[index]


def unchanged(value: ir.Value, also: Collection[str] = ()) -> Behind:
    """Go up through operators that do not change the numbers of a value, other than by rounding.

    Args:
        value: where to begin.
        also: further operators to go through, by their first operand.
    """
    reshaped = rounded = False
    while (before := _before(value, also)) is not None:
        made_by = operator(value)
        reshaped |= made_by in SHAPE_ONLY - {"Identity", "Dropout"}
        rounded |= made_by == "DequantizeLinear"
        value = before
    return Behind(value, reshaped, rounded)


def _before(value: ir.Value, also: Collection[str]) -> ir.Value | None:
    node, made_by = value.producer(), operator(value)
    if node is None:
        return None
    if made_by == "Cast":
        return node.inputs[0] if ir.DataType(node.attributes.get_int("to", 1)).is_floating_point() else None
    if made_by == "DequantizeLinear":
        quantised = node.inputs[0]
        return None if quantised is None else operand(quantised, {"QuantizeLinear"})
    if made_by == "Dropout" and node.outputs[0] is not value:
        return None
    return node.inputs[0] if made_by in SHAPE_ONLY or made_by in also else None


def constant(value: ir.Value | None) -> Array | None:
    """Give the numbers of a constant or a weight; None for anything else."""
    if value is None:
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else np.asarray(tensor.numpy())


def other_than_constant(value: ir.Value, operators: Collection[str]) -> ir.Value | None:
    """Give the one operand of an operator with two operands that is not constant, if the other one is."""
    node = value.producer()
    if operator(value) not in operators or node is None:
        return None
    varying = [v for v in node.inputs if v is not None and not _is_constant(v)]
    return varying[0] if len(varying) == 1 and len(node.inputs) == 2 else None


def _is_constant(value: ir.Value) -> bool:
    # Weights that are stored in another file have a tensor too, which is not read here.
    return value.const_value is not None or operator(value) == "Constant"


def first_match(value: ir.Value, forms: Collection[Callable[[ir.Value], ir.Value | None]]) -> ir.Value | None:
    """Give what the first form that fits finds; None if none fits."""
    return next((found for form in forms if (found := form(value)) is not None), None)
