"""Recognise what computes a value, by walking up the graph."""

import itertools
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


def floats_above(value: ir.Value, most: int) -> list[ir.Value]:
    """Give the values that a value is computed from, nearest first, other than those that are known to be no floats.

    Args:
        value: where to begin; it is not among them.
        most: how many to give.
    """
    found, reached = [value], 0
    while reached < len(found) <= most:
        node = found[reached].producer()
        operands = [] if node is None else [v for v in node.inputs if v is not None and v.producer() is not None]
        found += [
            v for v in dict.fromkeys(operands) if v not in found and (v.dtype or ir.DataType.FLOAT).is_floating_point()
        ]
        reached += 1
    return found[1 : most + 1]


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


def insert_after(
    value: ir.Value, node: ir.Node, name: str, index: int = 0, *, like: ir.Value | None = None
) -> ir.Value:
    """Insert a node into the graph after the one that made a value.

    Args:
        value: that a node made.
        node: a new one.
        name: for the output; it gets a number if a value has it already.
        index: of the new node's output to give.
        like: that has its type and its shape; None if they are not known.

    Returns:
        The output.
    """
    producer = value.producer()
    if producer is None or producer.graph is None:
        raise AssertionError("a node of a graph made the value")
    producer.graph.insert_after(producer, node)
    taken = {made.name for other in producer.graph.all_nodes() for made in other.outputs}
    for made in node.outputs:
        wanted = name if made is node.outputs[index] else f"{name}_unused"
        made.name = next(one for n in itertools.count() if (one := f"{wanted}_{n}" if n else wanted) not in taken)
    made = node.outputs[index]
    if like is not None and like.type is not None:  # a shape without a type can't be written
        made.type, made.shape = like.type, like.shape
    return made
