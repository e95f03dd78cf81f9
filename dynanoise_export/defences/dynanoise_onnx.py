"""Algorithm 1 as the ONNX function `ai.dynanoise::DynaNoise`.

Folded, σ(q)² = σ₀²(1 + λ(1 − H / log k)) = a + b·Σ p log p with a = σ₀²(1 + λ) and b = σ₀²λ / log k. The values a, b
and log k depend only on the attributes, so a runtime folds them into constants when it opens the file. Thirteen
operators are left to run for a query, including the draw of the noise.
"""

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
import onnx
import onnx_ir as ir
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, LARGEST, SMALLEST, VERSION, of_opset


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

    # The noise is added to log p instead of z. They differ by a constant that the softmax does not see, and float32 has
    # more digits near 0.
    noisy = op.Add(log_p, op.Mul(sigma, noise))
    probabilities = op.Softmax(op.Div(noisy, op.Constant(value_float=temperature)), axis=-1)
    return probabilities  # noqa: RET504


def function(opset: int) -> ir.Function:
    """Make the function for a model of this opset (13 or later)."""
    return of_opset(DynaNoise, opset)
