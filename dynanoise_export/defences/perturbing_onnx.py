"""The steps of `perturbing` and the evaluator as ONNX, in pieces that `Unrolled` puts together.

The evaluator's products are sums of products and no MatMul, which GPUs may compute in TF32 with ten bits.
"""

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns these sources into graphs: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import OnnxFunction, Opset

from dynanoise_export.defences.perturbing import FLOOR, LEAST_SIZE, LEAST_SQUARES
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, LARGEST, SMALLEST, VERSION, of_opset


def scalar(number: float) -> onnx.TensorProto:
    """Make a constant of float32."""
    return numpy_helper.from_array(np.array(number, np.float32))


LEAST_LOG, SMALL_SIZE, SMALL_SQUARES, ONE = map(scalar, (FLOOR, LEAST_SIZE, LEAST_SQUARES, 1))
FEATURE_AXIS = numpy_helper.from_array(np.array([1], np.int64))
HIDDEN_AXIS = numpy_helper.from_array(np.array([-1], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def start(logits):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    return op.Max(op.LogSoftmax(z, axis=-1), op.Constant(value=LEAST_LOG)), z


@script(Opset(DOMAIN, VERSION), default_opset=op)
def evaluate(features, hidden_weights, hidden_bias, output_weights, output_bias):  # type: ignore[no-untyped-def]  # noqa: D103
    weighted = op.Mul(op.Unsqueeze(features, op.Constant(value=HIDDEN_AXIS)), hidden_weights)
    hidden = op.Tanh(op.Add(op.ReduceSum(weighted, op.Constant(value=FEATURE_AXIS), keepdims=0), hidden_bias))
    score = op.ReduceSum(op.Mul(hidden, output_weights), op.Constant(value=CLASS_AXIS), keepdims=1)
    log_odds = op.Add(score, output_bias)
    slope = op.Mul(op.Sub(op.Constant(value=ONE), op.Mul(hidden, hidden)), output_weights)
    back = op.Mul(op.Unsqueeze(slope, op.Constant(value=FEATURE_AXIS)), hidden_weights)
    return log_odds, op.ReduceSum(back, op.Constant(value=HIDDEN_AXIS), keepdims=0)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def newton(p, by_probabilities, at_label, excess, first_most, share):  # type: ignore[no-untyped-def]  # noqa: D103
    relative = op.Sub(by_probabilities, at_label)
    mean = op.ReduceSum(op.Mul(p, relative), op.Constant(value=CLASS_AXIS), keepdims=1)
    gradient = op.Mul(p, op.Sub(relative, mean))
    total = op.ReduceSum(op.Abs(gradient), op.Constant(value=CLASS_AXIS), keepdims=1)
    size = op.Max(total, op.Constant(value=SMALL_SIZE))
    direction = op.Div(gradient, size)
    sum_of_squares = op.ReduceSum(op.Mul(direction, direction), op.Constant(value=CLASS_AXIS), keepdims=1)
    squares = op.Max(sum_of_squares, op.Constant(value=SMALL_SQUARES))
    most = op.Mul(first_most, share)
    bounded = op.Min(op.Div(excess, op.Mul(size, squares)), most)
    return op.Neg(op.Mul(direction, op.Max(bounded, op.Neg(most))))


def piece(written: OnnxFunction[..., object], opset: int) -> ir.Function:
    """Make a piece for a model of this opset."""
    return of_opset(written, opset)
