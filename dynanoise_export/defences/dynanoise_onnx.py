"""Algorithm 1 as the ONNX function `ai.dynanoise::DynaNoise`.

Folded, (σ(q) / T)² = a + b·Σ p log p with a = σ₀²(1 + λ) / T² and b = σ₀²λ / (T² log k). The values a and b depend only
on the attributes, so a runtime folds them into constants when it opens the file. Nine operators are left to run for a
query, the softmax and the draw of the noise.

The sum over the classes, b and a are one matrix product. A GPU that computes it in TF32 cuts each p log p to ten bits,
which moves σ² by less than λ / 1024 of itself. With a large λ that is too much, and the sum has operators of its own.
"""

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, LARGEST, SMALLEST, VERSION, of_opset

# Up to this λ, TF32 moves σ² by less than 1%.
LARGEST_LAMBDA_OF_PRODUCT = 10.0

FIRST = numpy_helper.from_array(np.array([0], np.int64))
ONE_COLUMN = numpy_helper.from_array(np.array([1], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def DynaNoise(logits, noise, classes: int, sigma0: float, lambda_: float, temperature: float):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # In float32 whatever the model's type: float16 has neither the range nor the digits.
    # An infinite logit becomes its limit, so that 0 · log 0 is 0 here and not NaN.
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    log_p = op.LogSoftmax(z, axis=-1)

    base = op.Div(op.Constant(value_float=sigma0), op.Constant(value_float=temperature))
    scaled = op.Mul(op.Mul(base, base), op.Constant(value_float=lambda_))
    a = op.Add(op.Mul(base, base), scaled)
    b = op.Div(scaled, op.Log(op.Cast(op.Constant(value_int=classes), to=onnx.TensorProto.FLOAT)))
    k = op.Unsqueeze(op.Constant(value_int=classes), op.Constant(value=FIRST))
    each = op.Expand(b, op.Concat(k, op.Constant(value=ONE_COLUMN), axis=0))
    variance = op.Gemm(op.Mul(op.Exp(log_p), log_p), each, a)

    # The noise is added to log p instead of z. They differ by a constant that the softmax does not see, and float32 has
    # more digits near 0. The sum comes last, because ONNX Runtime takes it and the softmax together on a GPU.
    noise_term = op.Mul(op.Sqrt(variance), noise)
    return op.Softmax(op.Add(op.Div(log_p, op.Constant(value_float=temperature)), noise_term), axis=-1)


@script(Opset(DOMAIN, VERSION), default_opset=op)
def without_product(logits, noise, classes: int, sigma0: float, lambda_: float, temperature: float):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    log_p = op.LogSoftmax(z, axis=-1)
    negative_entropy = op.ReduceSum(op.Mul(op.Exp(log_p), log_p), op.Constant(value=CLASS_AXIS), keepdims=1)

    base = op.Div(op.Constant(value_float=sigma0), op.Constant(value_float=temperature))
    scaled = op.Mul(op.Mul(base, base), op.Constant(value_float=lambda_))
    a = op.Add(op.Mul(base, base), scaled)
    b = op.Div(scaled, op.Log(op.Cast(op.Constant(value_int=classes), to=onnx.TensorProto.FLOAT)))
    variance = op.Add(a, op.Mul(b, negative_entropy))

    noise_term = op.Mul(op.Sqrt(variance), noise)
    return op.Softmax(op.Add(op.Div(log_p, op.Constant(value_float=temperature)), noise_term), axis=-1)


def function(opset: int, lambda_: float) -> ir.Function:
    """Make the function for a model of this opset (13 or later) and λ."""
    written = DynaNoise if lambda_ <= LARGEST_LAMBDA_OF_PRODUCT else without_product
    return of_opset(written, opset, DynaNoise.name)
