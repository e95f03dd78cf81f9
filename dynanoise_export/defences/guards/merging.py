"""Make one answer of a model's answers to several copies of a query: the mean of their probabilities.

In NumPy, and as ONNX functions. Scores come copy after copy: all queries' first copies, then all second ones.
"""

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset
from scipy.special import log_softmax, logsumexp

from dynanoise_export.onnx_functions import DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset
from dynanoise_export.types import Float64s

NAMES = ("MergedLogits", "MergedProbabilities")
COPY_AXIS = numpy_helper.from_array(np.array([0], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def MergedLogits(scores, shape, count):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    scores32 = op.Cast(scores, to=onnx.TensorProto.FLOAT)
    finite = op.Clip(scores32, op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    logs = op.LogSoftmax(op.Reshape(finite, shape), axis=2)
    # A value less its log-softmax is the log-sum-exp, for each copy: the operator of that name has its axes elsewhere
    # from opset 18 on.
    sums = op.Sub(logs, op.LogSoftmax(logs, axis=0))
    mean = op.Div(op.ReduceSum(sums, op.Constant(value=COPY_AXIS), keepdims=0), count)
    merged = op.Sub(mean, op.Log(count))
    return merged  # noqa: RET504


@script(Opset(DOMAIN, VERSION), default_opset=op)
def MergedProbabilities(scores, shape, count):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    each = op.Reshape(op.Cast(scores, to=onnx.TensorProto.FLOAT), shape)
    merged = op.Div(op.ReduceSum(each, op.Constant(value=COPY_AXIS), keepdims=0), count)
    return merged  # noqa: RET504


def merging_function(opset: int, *, probabilities: bool) -> ir.Function:
    """Make the ONNX function for a model of this opset (13 or later).

    It takes scores [copies·n, k], the shape [copies, -1, k], and the number of copies as a float32, and gives float32
    [n, k].
    """
    return of_opset(MergedProbabilities if probabilities else MergedLogits, opset)


def merge(scores: Float64s, copies: int, *, probabilities: bool) -> Float64s:
    """Compute as the function does, in float64: [copies·n, k] to [n, k]."""
    each = scores.reshape(copies, -1, scores.shape[1])
    if probabilities:
        return np.asarray(each.mean(axis=0))
    logs = log_softmax(each.clip(-LARGEST_LOGIT, LARGEST_LOGIT), axis=2)
    return np.asarray(logsumexp(logs, axis=0) - np.log(copies))
