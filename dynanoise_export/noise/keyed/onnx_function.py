"""Keyed noise as the ONNX function `ai.dynanoise::KeyedNormals`, for one grid.

Everything that selects the noise is computed in whole numbers, in float32 where they are small enough to be exact. So a
query whose logits differ in their last digits gets the same noise, unless it is on the edge of a cell. Only operators
and types that both ONNX Runtime and TensorRT have are used: int32, and no bitwise operators.
"""

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.noise.keyed.tables import LARGEST as MOST
from dynanoise_export.noise.keyed.tables import STEPS
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, SMALLEST, VERSION, of_opset

NAME = "KeyedNormals"

ONE = numpy_helper.from_array(np.float32(1))
STEPS_A_ROOT = numpy_helper.from_array(np.float32(STEPS))
MOST_STEPS = numpy_helper.from_array(np.float32(MOST))
AXIS = numpy_helper.from_array(np.array([1], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def KeyedNormals(logits, projection, width, offsets, limit, hashes, normals, rows: int):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    z = op.Clip(
        op.Cast(logits, to=onnx.TensorProto.FLOAT),
        op.Constant(value=SMALLEST),
        op.Constant(value=LARGEST),
    )
    log_p = op.LogSoftmax(z, axis=-1)
    root = op.Sqrt(op.Sub(op.Constant(value=ONE), log_p))
    steps = op.Round(op.Min(op.Mul(root, op.Constant(value=STEPS_A_ROOT)), op.Constant(value=MOST_STEPS)))

    # Whole numbers below 2^24: float32 sums them exactly in any order.
    place = op.Gemm(steps, projection, op.Cast(offsets, to=onnx.TensorProto.FLOAT))
    cell = op.Div(op.Cast(place, to=onnx.TensorProto.INT32), width)
    # The cells that each projection has. NaN has no cell, and a look-up outside the table would end the batch or read
    # other memory. These bounds depend on no query, so a runtime folds them into constants.
    middle = op.Div(offsets, width)
    reach = op.Div(op.Cast(limit, to=onnx.TensorProto.INT32), width)
    safe = op.Min(op.Max(cell, op.Sub(middle, reach)), op.Add(middle, reach))

    hashed = op.ReduceSum(op.Gather(hashes, safe), op.Constant(value=AXIS), keepdims=0)
    row = op.Mod(hashed, op.Cast(op.Constant(value_int=rows), to=onnx.TensorProto.INT32))
    return op.Flatten(op.Gather(normals, row), axis=1)


def function(opset: int) -> ir.Function:
    """Make the function for a model of this opset (13 or later)."""
    return of_opset(KeyedNormals, opset)
