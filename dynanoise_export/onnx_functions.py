"""What all ONNX model-local functions of the domain `ai.dynanoise` share."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx import numpy_helper
from onnxscript.values import OnnxFunction

DOMAIN = "ai.dynanoise"
# Of the functions' bodies; 2 came after release 0.2.0. Files of another version still run, and can't be compared with
# what this one attaches.
VERSION = 2

# From this opset on, the operators that are used have the same meaning; it changed ReduceSum, Softmax, LogSoftmax.
OLDEST_OPSET = 13
# Model-local functions came with this version of the format.
OLDEST_IR = 8

# An infinite logit counts as the limit of a large one: beyond this bound, softmax is 0 or 1 in any float type.
LARGEST_LOGIT = 1e30

# Constants as tensors, because some optimisers turn the shorter form, the attribute `value_float`, into a double.
LARGEST = numpy_helper.from_array(np.array(LARGEST_LOGIT, np.float32))
SMALLEST = numpy_helper.from_array(np.array(-LARGEST_LOGIT, np.float32))
CLASS_AXIS = numpy_helper.from_array(np.array([-1], np.int64))


def of_opset(written: OnnxFunction[..., Any], opset: int, name: str | None = None) -> ir.Function:
    """Make a model-local function from onnxscript.

    ONNX requires a function's opset to be compatible with its model's, so each model gets its own.

    Args:
        written: the decorated Python function.
        opset: of the model, 13 or later.
        name: of the function in the graph; None for the Python function's own.
    """
    proto = written.to_function_proto()
    proto.name = name or proto.name
    proto.opset_import[0].version = opset
    function = ir.serde.deserialize_function(proto)
    make_constants_tensors(function)
    return function


def make_constants_tensors(nodes: Iterable[ir.Node]) -> None:
    """Turn constants of the form `value_float` into tensors, which no optimiser turns into doubles, in place."""
    for node in nodes:
        attribute = node.attributes.get("value_float")
        if node.op_type == "Constant" and attribute is not None and not attribute.is_ref():
            del node.attributes["value_float"]
            node.attributes.add(ir.AttrTensor("value", ir.tensor(np.float32(attribute.as_float()))))
