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
from dynanoise_export.noise.keyed.tables import ROWS, STEPS
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, SMALLEST, VERSION, of_opset

NAME = "KeyedNormals"

ONE = numpy_helper.from_array(np.float32(1))
STEPS_A_ROOT = numpy_helper.from_array(np.float32(STEPS))
MOST_STEPS = numpy_helper.from_array(np.float32(MOST))
NUMBER_OF_ROWS = numpy_helper.from_array(np.array(ROWS, np.int32))
AXIS = numpy_helper.from_array(np.array([1], np.int64))
FIRST = numpy_helper.from_array(np.array([0], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def KeyedNormals(logits, projection, width, offsets, limit, hashes, normals, classes: int, cells: int):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    z = op.Clip(
        op.Cast(logits, to=onnx.TensorProto.FLOAT),
        op.Constant(value=SMALLEST),
        op.Constant(value=LARGEST),
    )
    log_p = op.LogSoftmax(z, axis=-1)
    root = op.Sqrt(op.Sub(op.Constant(value=ONE), log_p))
    steps = op.Round(op.Min(op.Mul(root, op.Constant(value=STEPS_A_ROOT)), op.Constant(value=MOST_STEPS)))

    # Whole numbers below 2^24: float32 sums them exactly in any order.
    projected = op.MatMul(steps, projection)
    clipped = op.Cast(op.Clip(projected, op.Neg(limit), limit), to=onnx.TensorProto.INT32)
    cell = op.Div(op.Add(clipped, offsets), width)
    # NaN has no cell, and a look-up outside the table would end the batch or read other memory.
    safe = op.Mod(cell, op.Cast(op.Constant(value_int=cells), to=onnx.TensorProto.INT32))

    hashed = op.ReduceSum(op.Gather(hashes, safe), op.Constant(value=AXIS), keepdims=0)
    rows = op.Gather(normals, op.Mod(hashed, op.Constant(value=NUMBER_OF_ROWS)))
    flat = op.Flatten(rows, axis=1)
    k = op.Unsqueeze(op.Constant(value_int=classes), op.Constant(value=FIRST))
    return op.Slice(flat, op.Constant(value=FIRST), k, op.Constant(value=AXIS))


def function(opset: int) -> ir.Function:
    """Make the function for a model of this opset (13 or later)."""
    return of_opset(KeyedNormals, opset)
