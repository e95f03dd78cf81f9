"""The forms of scores that are not a softmax: sigmoids, linear layers, and sorted scores."""

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.classifier_operators import margin_of_classifier, transform_of, untransformed
from dynanoise_export.graph.patterns import (
    SHAPE_ONLY,
    constant,
    first_match,
    insert_after,
    operand,
    operator,
    other_than_constant,
    unchanged,
)
from dynanoise_export.graph.softmax_forms import softmax_input

# Operators that end a linear layer, in float or quantised.
LINEAR = {
    "Gemm", "MatMul", "Conv", "Einsum", "MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv", "QGemm",
    "FusedMatMul", "MatMulNBits", "DynamicQuantizeMatMul", "MatMulIntegerToFloat",
}  # fmt: skip
# These can hold an activation.
FUSED = {"FusedGemm", "FusedConv"}
# What may follow a linear layer and leaves it linear; the arithmetic with a constant.
ARITHMETIC = {"Add", "Sub", "Mul", "Div"}
AVERAGES = {"GlobalAveragePool", "AveragePool", "ReduceMean", "BatchNormalization", "Neg"}

SIGMOIDS = {"Sigmoid", "HardSigmoid", "QLinearSigmoid"}
BOUNDS = {"Clip", "Min", "Max"}
# They give some of the values, unchanged.
SELECTIONS = {"Slice", "Gather", "Split"}


def is_linear(value: ir.Value) -> bool:
    """Whether a linear layer made a value, perhaps with arithmetic that leaves it linear.

    A product with probabilities is not one: it sums classes into groups.
    """
    while (before := _before_linear(value)) is not None:
        value = before
    node = value.producer()
    if (node is not None and node.op_type == "LinearClassifier") and transform_of(value) == "NONE":
        return True
    if node is None or not (operator(value) in LINEAR or _is_fused(value)):
        return False
    return all(v is None or softmax_input(unchanged(v).value) is None for v in node.inputs)


def _before_linear(value: ir.Value) -> ir.Value | None:
    behind = unchanged(value, AVERAGES).value
    if behind is not value:
        return behind
    if (quantised := operand(value, {"DequantizeLinear"})) is not None:
        return quantised
    return other_than_constant(value, ARITHMETIC)


def _is_fused(value: ir.Value) -> bool:
    node = value.producer()
    return operator(value) in FUSED and node is not None and not node.attributes.get_string("activation", "")


def is_sigmoid(value: ir.Value) -> bool:
    """Whether every score is a sigmoid of its own, perhaps clipped, scaled, or put together from several parts."""
    reached = [value]
    for part in reached:  # it grows
        if transform_of(part) == "LOGISTIC" or sigmoid_input(part) is not None:
            continue
        before = _before_scores(part)
        if not before:
            return False
        reached += [v for v in before if v not in reached]
    return True


def _before_scores(value: ir.Value) -> list[ir.Value]:
    """Give the values that scores are clipped, scaled, selected or put together from; none for anything else."""
    node = value.producer()
    if node is not None and operator(value) == "Concat":
        return [v for v in dict.fromkeys(node.inputs) if v is not None]
    before = unchanged(value, BOUNDS | SELECTIONS | {"DequantizeLinear"}).value
    inner = other_than_constant(value, ARITHMETIC) if before is value else before
    return [] if inner is None else [inner]


def sigmoid_input(value: ir.Value) -> ir.Value | None:
    """Give z if a value is σ(z), in one operator, as 1 / (1 + e⁻ᶻ) or by a hyperbolic tangent."""
    return first_match(value, (_one_sigmoid, _reciprocal, _tanh, _transform))


def _transform(value: ir.Value) -> ir.Value | None:
    return untransformed(value) if transform_of(value) == "LOGISTIC" else None


def _one_sigmoid(value: ir.Value) -> ir.Value | None:
    return operand(value, SIGMOIDS)


def _reciprocal(value: ir.Value) -> ir.Value | None:
    """Give z of 1 / (1 + e⁻ᶻ)."""
    total = operand(value, {"Reciprocal"})
    if total is None and _is_number(operand(value, {"Div"}), 1):
        total = operand(value, {"Div"}, 1)
    power = None if total is None else other_than_constant(total, {"Add"})
    negative = None if power is None else operand(power, {"Exp"})
    if total is None or negative is None or not _has_number(total, 1):
        return None
    return operand(negative, {"Neg"}) or other_than_constant(negative, {"Mul"})


def _tanh(value: ir.Value) -> ir.Value | None:
    """Give z of (1 + tanh(z / 2)) / 2, with the half inside or outside the bracket."""
    inner = other_than_constant(value, {"Mul", "Div"})
    if inner is not None and (_has_number(value, 0.5) or _has_number(value, 2)) and _has_number(inner, 1):
        tangent = other_than_constant(inner, {"Add"})
    elif _has_number(value, 0.5) and (halved := other_than_constant(value, {"Add"})) is not None:
        tangent = other_than_constant(halved, {"Mul"}) if _has_number(halved, 0.5) else None
    else:
        tangent = None
    return None if tangent is None else operand(tangent, {"Tanh"})


def margin(value: ir.Value) -> ir.Value | None:
    """Give the logit z of the second class if a value may be the probabilities (1 − σ(z), σ(z)) of two classes.

    Only a run can show that they are not two independent labels.
    """
    both = unchanged(value).value
    return margin_of_classifier(both) or _margin_of_halves(both)


def _margin_of_halves(value: ir.Value) -> ir.Value | None:
    """Give z of 1 − σ(z) and σ(z) that are put together, in this order or the other."""
    node = value.producer()
    if node is None or operator(value) != "Concat" or len(node.inputs) != 2:
        return None
    first, second = (None if half is None else sigmoid_input(unchanged(half).value) for half in node.inputs)
    if second is not None or first is None:
        return second
    return insert_after(value, ir.node("Neg", [first]), f"{value.name}_logit", like=first)


def is_sorted(value: ir.Value) -> bool:
    """Whether the scores are those of TopK, so that a class has no place of its own."""
    before = unchanged(value, SHAPE_ONLY | BOUNDS).value
    node = before.producer()
    return operator(before) == "TopK" and node is not None and node.outputs[0] is before


def _has_number(value: ir.Value, number: float) -> bool:
    node = value.producer()
    return node is not None and any(_is_number(v, number) for v in node.inputs)


def _is_number(value: ir.Value | None, number: float) -> bool:
    held = constant(value)
    return held is not None and held.size == 1 and bool(np.isclose(held, number).all())
