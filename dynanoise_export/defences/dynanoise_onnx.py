"""Algorithm 1 as the ONNX function `ai.dynanoise::DynaNoise`.

Folded, σ(q)² = σ₀²(1 + λ(1 − H / log k)) = a + b·Σ p log p with a = σ₀²(1 + λ) and b = σ₀²λ / log k. The
attributes and what is made of them alone (a, b, log k) are constants that a runtime folds when it opens the
file, so that thirteen operators are left to run for a query, the draw of the noise among them.
"""

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and their names are not ours.
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import OnnxFunction, Opset

DOMAIN = "ai.dynanoise"
VERSION = 1

# The operators below mean the same from opset 13 on (ReduceSum, Softmax and LogSoftmax changed there).
OLDEST_OPSET = 13


# Constants as tensors, for some optimisers make a double of the shorter form, an attribute `value_float`.
LARGEST = numpy_helper.from_array(np.float32(1e30))
SMALLEST = numpy_helper.from_array(np.float32(-1e30))
CLASS_AXIS = numpy_helper.from_array(np.array([-1], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def DynaNoise(logits, noise, classes: int, sigma0: float, lambda_: float, temperature: float):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # In float32 whatever the model's type: float16 has neither the range nor the digits.
    # An infinite logit becomes its limit, so that 0 · log 0 is 0 here and not NaN.
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    log_p = op.LogSoftmax(z, axis=-1)
    negative_entropy = op.ReduceSum(op.Mul(op.Exp(log_p), log_p), op.Constant(value=CLASS_AXIS), keepdims=1)

    base_variance = op.Mul(op.Constant(value_float=sigma0), op.Constant(value_float=sigma0))
    scaled = op.Mul(base_variance, op.Constant(value_float=lambda_))
    a = op.Add(base_variance, scaled)
    b = op.Div(scaled, op.Log(op.Cast(op.Constant(value_int=classes), to=onnx.TensorProto.FLOAT)))
    sigma = op.Sqrt(op.Add(a, op.Mul(b, negative_entropy)))

    # To log p and not to z: they differ by a constant that the softmax does not see, and near 0 no digits are lost.
    noisy = op.Add(log_p, op.Mul(sigma, noise))
    probabilities = op.Softmax(op.Div(noisy, op.Constant(value_float=temperature)), axis=-1)
    return probabilities  # noqa: RET504


def function(opset: int) -> ir.Function:
    """Make the function for a model of the given opset, which must be `OLDEST_OPSET` or later."""
    return of_opset(DynaNoise, opset)


def of_opset(written: OnnxFunction[..., Any], opset: int) -> ir.Function:
    """Make a function of what is written here in onnxscript.

    ONNX wants a function's opset to be compatible with its model's, so each model gets its own.
    """
    proto = written.to_function_proto()
    proto.opset_import[0].version = opset
    return ir.serde.deserialize_function(proto)
