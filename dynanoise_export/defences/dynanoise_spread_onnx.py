"""DynaNoise with noise that grows with the spread of the logits, as the ONNX function `ai.dynanoise::DynaNoiseSpread`.

Up to the spread it is `dynanoise_onnx`, folded in the same way.
"""

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.dynanoise_spread import MOST_SPREAD
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, LARGEST, SMALLEST, VERSION, of_opset

ONE = numpy_helper.from_array(np.array(1, np.float32))
MOST = numpy_helper.from_array(np.array(MOST_SPREAD, np.float32))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def DynaNoiseSpread(  # type: ignore[no-untyped-def]  # noqa: D103, N802
    logits, noise, classes: int, sigma0: float, lambda_: float, temperature: float, usual_spread: float
):
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    log_p = op.LogSoftmax(z, axis=-1)
    negative_entropy = op.ReduceSum(op.Mul(op.Exp(log_p), log_p), op.Constant(value=CLASS_AXIS), keepdims=1)

    base_variance = op.Mul(op.Constant(value_float=sigma0), op.Constant(value_float=sigma0))
    scaled = op.Mul(base_variance, op.Constant(value_float=lambda_))
    a = op.Add(base_variance, scaled)
    b = op.Div(scaled, op.Log(op.Cast(op.Constant(value_int=classes), to=onnx.TensorProto.FLOAT)))
    sigma = op.Sqrt(op.Add(a, op.Mul(b, negative_entropy)))

    # The mean distance of the classes from their mean, without masked classes, whose logit is minus infinity.
    live = op.Cast(op.Greater(z, op.Constant(value=SMALLEST)), to=onnx.TensorProto.FLOAT)
    count = op.Max(op.ReduceSum(live, op.Constant(value=CLASS_AXIS), keepdims=1), op.Constant(value=ONE))
    mean = op.Div(op.ReduceSum(op.Mul(live, log_p), op.Constant(value=CLASS_AXIS), keepdims=1), count)
    apart = op.Mul(live, op.Abs(op.Sub(log_p, mean)))
    spread = op.Div(op.ReduceSum(apart, op.Constant(value=CLASS_AXIS), keepdims=1), count)
    usual = op.Div(spread, op.Constant(value_float=usual_spread))
    wider = op.Clip(usual, op.Constant(value=ONE), op.Constant(value=MOST))

    noisy = op.Add(log_p, op.Mul(op.Mul(sigma, wider), noise))
    return op.Softmax(op.Div(noisy, op.Constant(value_float=temperature)), axis=-1)


def function(opset: int) -> ir.Function:
    """Make the function for a model of this opset (13 or later)."""
    return of_opset(DynaNoiseSpread, opset)
