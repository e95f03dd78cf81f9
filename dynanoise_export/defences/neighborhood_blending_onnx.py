"""Neighborhood Blending as the ONNX function `ai.dynanoise::NeighborhoodBlending`."""

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.keep_label import SHARE
from dynanoise_export.defences.neighborhood_blending import FARTHEST, GUMBEL, LEAST_WEIGHT, PRIME, QUANTILES
from dynanoise_export.defences.noise_numbers import FARTHEST as FARTHEST_NORMAL
from dynanoise_export.defences.noise_numbers import SHIFT, STEPS
from dynanoise_export.onnx_functions import CLASS_AXIS, DOMAIN, LARGEST, SMALLEST, VERSION, of_opset

FAR, NEAR = (numpy_helper.from_array(np.array(bound, np.float32)) for bound in (FARTHEST_NORMAL, -FARTHEST_NORMAL))
STEPS_A_UNIT = numpy_helper.from_array(np.array(STEPS, np.float32))
SHIFTED, A_PRIME, OF_TABLE = (
    numpy_helper.from_array(np.array(number, np.int64)) for number in (SHIFT, PRIME, QUANTILES)
)
FIRST, SECOND, FLAT = (numpy_helper.from_array(np.array([number], np.int64)) for number in (0, 1, -1))
TABLE = numpy_helper.from_array(GUMBEL)
TWICE_THE_FARTHEST = numpy_helper.from_array(np.array(2 * FARTHEST, np.float32))
LEAST = numpy_helper.from_array(np.array(LEAST_WEIGHT, np.float32))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def neighborhood_blending_function(  # type: ignore[no-untyped-def]  # noqa: D103
    logits, noise, bank, hashing, classes: int, neighbours: float, blend: float, epsilon: float
):
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    label = op.ArgMax(z, axis=1, keepdims=1)
    p = op.Softmax(z, axis=-1)
    rows = op.Gather(bank, op.Reshape(label, op.Constant(value=FLAT)), axis=0)
    apart = op.Abs(op.Sub(op.Unsqueeze(p, op.Constant(value=SECOND)), rows))
    distance = op.ReduceSum(apart, op.Constant(value=CLASS_AXIS), keepdims=0)

    # The noise of the exponential mechanism, from whole numbers.
    bounded = op.Clip(noise, op.Constant(value=NEAR), op.Constant(value=FAR))
    steps = op.Floor(op.Mul(bounded, op.Constant(value=STEPS_A_UNIT)))
    positive = op.Add(op.Cast(steps, to=onnx.TensorProto.INT64), op.Constant(value=SHIFTED))
    number = op.ReduceSum(positive, op.Constant(value=CLASS_AXIS), keepdims=1)
    whole = op.Cast(hashing, to=onnx.TensorProto.INT64)
    factor = op.Gather(whole, op.Constant(value=FIRST), axis=0)
    shift = op.Gather(whole, op.Constant(value=SECOND), axis=0)
    hashed = op.Mod(op.Add(op.Mul(number, factor), shift), op.Constant(value=A_PRIME))
    gumbel = op.Gather(op.Constant(value=TABLE), op.Mod(hashed, op.Constant(value=OF_TABLE)))

    nearness = op.Mul(op.Div(op.Constant(value_float=epsilon), op.Constant(value=TWICE_THE_FARTHEST)), distance)
    scores = op.Sub(gumbel, nearness)
    # The score of the first row that is left out; of few rows, the last.
    count = op.Shape(hashing)
    last = op.Sub(op.Gather(count, op.Constant(value=SECOND)), op.Constant(value=SECOND))
    wanted = op.Reshape(
        op.Cast(op.Constant(value_float=neighbours), to=onnx.TensorProto.INT64), op.Constant(value=FLAT)
    )
    place = op.Min(wanted, last)
    highest, _places = op.TopK(scores, op.Add(place, op.Constant(value=SECOND)), axis=-1)
    left_out = op.Gather(highest, place, axis=1)
    weights = op.Unsqueeze(op.Relu(op.Sub(scores, left_out)), op.Constant(value=FLAT))
    total = op.Max(op.ReduceSum(weights, op.Constant(value=SECOND), keepdims=0), op.Constant(value=LEAST))
    average = op.Div(op.ReduceSum(op.Mul(weights, rows), op.Constant(value=SECOND), keepdims=0), total)

    answers = op.Add(p, op.Mul(op.Constant(value_float=blend), op.Sub(average, p)))
    own = op.GatherElements(answers, label, axis=1)
    return op.ScatterElements(op.Min(answers, op.Mul(own, op.Constant(value=SHARE))), label, own, axis=1)


def function(opset: int, name: str) -> ir.Function:
    """Make the function for a model of this opset (13 or later)."""
    return of_opset(neighborhood_blending_function, opset, name)
