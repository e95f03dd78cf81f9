"""Kept labels: the answer's largest probability goes back to the class that the undefended model would have named.

The two classes swap their probabilities, so that an answer holds the very numbers that it would have held otherwise,
and its confidence, its entropy and all but two of its places are left as the noise made them. What comes out is a
function of the noisy answer and of the label, and so tells no more than both.
"""

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and their names are not ours.
import numpy as np
import onnx_ir as ir
from onnx import numpy_helper
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.dynanoise_onnx import DOMAIN, VERSION, of_opset
from dynanoise_export.parameters import BELOW

NAME = "KeepLabel"

SHARE = numpy_helper.from_array(np.float32(BELOW))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def KeepLabel(probabilities, label):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    noisy_label = op.ArgMax(probabilities, axis=1, keepdims=1)
    largest = op.GatherElements(probabilities, noisy_label, axis=1)
    own = op.GatherElements(probabilities, label, axis=1)
    swapped = op.ScatterElements(probabilities, noisy_label, own, axis=1)
    others = op.Min(swapped, op.Mul(largest, op.Constant(value=SHARE)))
    kept = op.ScatterElements(others, label, largest, axis=1)
    return kept  # noqa: RET504


def function(opset: int) -> ir.Function:
    """Make the function for a model of the given opset, which must be 13 or later."""
    return of_opset(KeepLabel, opset)
