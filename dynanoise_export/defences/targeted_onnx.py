"""Targeted perturbation as the ONNX function `ai.dynanoise::Targeted`, its steps unrolled."""

import numpy as np
import onnx
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
from dynanoise_export.defences.targeted import HASTE, SMALLEST_LOGGED
from dynanoise_export.defences.unrolling import Unrolled
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, VERSION

NOTHING, ONE, TWO, HASTY, LOGGED = map(scalar, (0, 1, 2, HASTE, SMALLEST_LOGGED))
FIRST, SECOND, THIRD, FLAT = (numpy_helper.from_array(np.array([number], np.int64)) for number in (0, 1, 2, -1))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def prepare(z, averages, classes, threshold, strength, steps):  # type: ignore[no-untyped-def]  # noqa: D103
    label = op.ArgMax(z, axis=1, keepdims=1)
    average = op.Gather(averages, op.Reshape(label, op.Constant(value=FLAT)), axis=0)
    log_k = op.Log(op.Cast(classes, to=onnx.TensorProto.FLOAT))
    goal = op.Log(op.Div(threshold, op.Sub(op.Constant(value=ONE), threshold)))
    most = op.Div(op.Mul(op.Constant(value=HASTY), strength), steps)
    return label, average, log_k, goal, most


@script(Opset(DOMAIN, VERSION), default_opset=op)
def features(logits, label, average, log_k):  # type: ignore[no-untyped-def]  # noqa: D103
    p = op.Softmax(logits, axis=-1)
    log_p = op.Log(op.Max(p, op.Constant(value=LOGGED)))
    top = op.GatherElements(p, label, axis=1)
    negative_entropy = op.ReduceSum(op.Mul(p, log_p), op.Constant(value=CLASS_AXIS), keepdims=1)
    entropy = op.Neg(op.Div(negative_entropy, log_k))
    apart = op.Sub(p, average)
    distance = op.ReduceSum(op.Mul(apart, apart), op.Constant(value=CLASS_AXIS), keepdims=1)
    return p, log_p, apart, op.Concat(top, entropy, distance, axis=1)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def by_probabilities(by_feature, log_p, apart, label, log_k):  # type: ignore[no-untyped-def]  # noqa: D103
    by_top = op.Gather(by_feature, op.Constant(value=FIRST), axis=1)
    by_entropy = op.Gather(by_feature, op.Constant(value=SECOND), axis=1)
    by_distance = op.Gather(by_feature, op.Constant(value=THIRD), axis=1)
    of_distance = op.Mul(op.Mul(by_distance, op.Constant(value=TWO)), apart)
    by_p = op.Sub(of_distance, op.Div(op.Mul(by_entropy, log_p), log_k))
    at_label = op.Add(op.GatherElements(by_p, label, axis=1), by_top)
    return op.ScatterElements(by_p, label, at_label, axis=1), at_label


@script(Opset(DOMAIN, VERSION), default_opset=op)
def exceed(log_odds, goal):  # type: ignore[no-untyped-def]  # noqa: D103
    excess = op.Sub(log_odds, goal)
    return excess, op.Cast(op.Greater(excess, op.Constant(value=NOTHING)), to=onnx.TensorProto.FLOAT)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def only_risky(excess, risky):  # type: ignore[no-untyped-def]  # noqa: D103
    return op.Mul(excess, risky)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def project(logits, move, start, strength, label):  # type: ignore[no-untyped-def]  # noqa: D103
    low = op.Sub(start, strength)
    moved = op.Min(op.Max(op.Add(logits, move), low), op.Add(start, strength))
    return op.Min(moved, op.GatherElements(moved, label, axis=1))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def answer(logits, label):  # type: ignore[no-untyped-def]  # noqa: D103
    p = op.Softmax(logits, axis=-1)
    own = op.GatherElements(p, label, axis=1)
    return op.ScatterElements(op.Min(p, op.Mul(own, op.Constant(value=SHARE))), label, own, axis=1)


def function(name: str, opset: int, steps: int) -> ir.Function:
    """Make the function.

    Args:
        name: of the function.
        opset: of the model, 13 or later.
        steps: how many are unrolled.
    """
    made = Unrolled(name, opset, ("logits", *TENSORS, "averages"), ("threshold", "strength", "steps"))
    logits, *evaluator, averages = made.inputs.values()
    strength = made.parameter("strength")
    first, z = made.call(piece(start, opset), logits)
    label, average, log_k, goal, most = made.call(
        piece(prepare, opset), z, averages, made.whole("classes"), made.parameter("threshold"), strength,
        made.parameter("steps"),
    )  # fmt: skip
    moved, risky = first, None
    for share in shares(steps):
        p, log_p, apart, seen = made.call(piece(features, opset), moved, label, average, log_k)
        log_odds, by_feature = made.call(piece(evaluate, opset), seen, *evaluator)
        by_p, at_label = made.call(piece(by_probabilities, opset), by_feature, log_p, apart, label, log_k)
        excess, exceeds = made.call(piece(exceed, opset), log_odds, goal)
        risky = exceeds if risky is None else risky
        (excess,) = made.call(piece(only_risky, opset), excess, risky)
        (move,) = made.call(piece(newton, opset), p, by_p, at_label, excess, most, made.number(share))
        (moved,) = made.call(piece(project, opset), moved, move, first, strength, label)
    (answers,) = made.call(piece(answer, opset), moved, label)
    return made.made(answers)
