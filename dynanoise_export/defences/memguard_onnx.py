"""MemGuard as the ONNX function `ai.dynanoise::MemGuard`, its steps unrolled, and its limit."""

import numpy as np
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns these sources into graphs: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.evaluator import TENSORS
from dynanoise_export.defences.keep_label import SHARE
from dynanoise_export.defences.perturbing import shares
from dynanoise_export.defences.perturbing_onnx import evaluate, newton, piece, scalar, start
from dynanoise_export.defences.ranks import SMALLEST_DISTANCE
from dynanoise_export.defences.unrolling import Unrolled
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, VERSION

ONE, NOTHING, LEAST_DISTANCE = map(scalar, (1, 0, SMALLEST_DISTANCE))
FIRST, SECOND, LAST, END, FLAT = (
    numpy_helper.from_array(np.array([number], np.int64)) for number in (0, 1, -1, np.iinfo(np.int64).max, -1)
)
AXIS = numpy_helper.from_array(np.array(1, np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def sort(log_p, z, classes):  # type: ignore[no-untyped-def]  # noqa: D103
    _sorted, order = op.TopK(z, op.Reshape(classes, op.Constant(value=FLAT)), axis=-1)
    return op.GatherElements(log_p, order, axis=1), order


@script(Opset(DOMAIN, VERSION), default_opset=op)
def look(logits, hidden_weights):  # type: ignore[no-untyped-def]  # noqa: D103
    p = op.Softmax(logits, axis=-1)
    seen = op.Slice(op.Shape(hidden_weights), op.Constant(value=FIRST), op.Constant(value=SECOND))
    return p, op.Slice(p, op.Constant(value=FIRST), seen, op.Constant(value=CLASS_AXIS))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def spread(p, by_seen):  # type: ignore[no-untyped-def]  # noqa: D103
    seen = op.Slice(op.Shape(by_seen), op.Constant(value=SECOND), op.Constant(value=END))
    unseen = op.Slice(p, seen, op.Constant(value=END), op.Constant(value=CLASS_AXIS))
    by_p = op.Concat(by_seen, op.Mul(unseen, op.Constant(value=NOTHING)), axis=1)
    return by_p, op.Gather(by_p, op.Constant(value=FIRST), axis=1)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def keep_order(logits, move):  # type: ignore[no-untyped-def]  # noqa: D103
    moved = op.Add(logits, move)
    below = op.Slice(moved, op.Constant(value=SECOND), op.Constant(value=END), op.Constant(value=CLASS_AXIS))
    last = op.Gather(moved, op.Constant(value=LAST), axis=1)
    gaps = op.Relu(op.Sub(moved, op.Concat(below, last, axis=1)))
    return op.Neg(op.CumSum(gaps, op.Constant(value=AXIS), exclusive=1))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def mix(start, moved, order, budget):  # type: ignore[no-untyped-def]  # noqa: D103
    true = op.Softmax(start, axis=-1)
    change = op.Sub(op.Softmax(moved, axis=-1), true)
    apart = op.ReduceSum(op.Abs(change), op.Constant(value=CLASS_AXIS), keepdims=1)
    distance = op.Max(apart, op.Constant(value=LEAST_DISTANCE))
    mixed = op.Add(true, op.Mul(op.Min(op.Div(budget, distance), op.Constant(value=ONE)), change))
    # Rounding may have made the label and the next class equal.
    top = op.Gather(mixed, op.Constant(value=FIRST), axis=1)
    others = op.Slice(mixed, op.Constant(value=SECOND), op.Constant(value=END), op.Constant(value=CLASS_AXIS))
    kept = op.Concat(top, op.Min(others, op.Mul(top, op.Constant(value=SHARE))), axis=1)
    return op.ScatterElements(mixed, order, kept, axis=1)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def logarithm(p):  # type: ignore[no-untyped-def]  # noqa: D103
    return op.Log(p)


def limit_function(name: str, opset: int) -> ir.Function:
    """Make the function of the limit, which moves every answer to one reference."""
    made = Unrolled(name, opset, ("logits", "reference"), ("budget",))
    log_p, z = made.call(piece(start, opset), made.inputs["logits"])
    first, order = made.call(piece(sort, opset), log_p, z, made.whole("classes"))
    (reference,) = made.call(piece(logarithm, opset), made.inputs["reference"])
    (answers,) = made.call(piece(mix, opset), first, reference, order, made.parameter("budget"))
    return made.made(answers)


def function(name: str, opset: int, steps: int) -> ir.Function:
    """Make the function.

    Args:
        name: of the function.
        opset: of the model, 13 or later.
        steps: how many are unrolled.
    """
    made = Unrolled(name, opset, ("logits", *TENSORS), ("steps", "step_size", "budget"))
    logits, *evaluator = made.inputs.values()
    most = made.parameter("step_size")
    log_p, z = made.call(piece(start, opset), logits)
    first, order = made.call(piece(sort, opset), log_p, z, made.whole("classes"))
    moved = first
    for share in shares(steps):
        p, seen = made.call(piece(look, opset), moved, evaluator[0])
        log_odds, by_seen = made.call(piece(evaluate, opset), seen, *evaluator)
        by_p, at_label = made.call(piece(spread, opset), p, by_seen)
        (move,) = made.call(piece(newton, opset), p, by_p, at_label, log_odds, most, made.number(share))
        (moved,) = made.call(piece(keep_order, opset), moved, move)
    (answers,) = made.call(piece(mix, opset), first, moved, order, made.parameter("budget"))
    return made.made(answers)
