"""The operators of `ai.onnx.ml` that compute a softmax or sigmoids themselves."""

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.class_maps import ML, names_in
from dynanoise_export.graph.patterns import insert_after

TRANSFORM = "post_transform"
# TreeEnsemble, of version 5, has numbers instead.
NUMBERED = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def transform_of(value: ir.Value) -> str:
    """Name what an operator of `ai.onnx.ml` does to its scores at last, such as "SOFTMAX"; "" for another operator."""
    node = value.producer()
    if node is None or node.domain != ML or node.outputs[-1] is not value:  # a classifier's first output is the label
        return ""
    held = node.attributes.get(TRANSFORM)
    if held is None:
        return "NONE"
    if held.type is not ir.AttributeType.INT:
        return held.as_string()
    return NUMBERED[held.as_int()] if 0 <= held.as_int() < len(NUMBERED) else ""


def logits_of_classifier(value: ir.Value) -> ir.Value | None:
    """Give the logits if a value is a classifier's softmax: the scores of the same operator without it, put beside."""
    return untransformed(value) if transform_of(value) == "SOFTMAX" else None


def margin_of_classifier(value: ir.Value) -> ir.Value | None:
    """Give the logit of the second class if a value may be a classifier's sigmoids of two classes.

    The same operator without them is put beside. Its first score is, depending on the weights, the second one's
    negative or complement.
    """
    node = value.producer()
    if node is None or transform_of(value) != "LOGISTIC" or len(names_in(node)) != 2:
        return None
    scores = untransformed(value)
    index = ir.node("Constant", [], {"value": ir.tensor(np.array([1], np.int64))})
    second = insert_after(scores, index, f"{value.name}_second")
    logit = insert_after(second, ir.node("Gather", [scores, second], {"axis": 1}), f"{value.name}_logit")
    logit.type, logit.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([None, 1])
    return logit


def untransformed(value: ir.Value) -> ir.Value:
    """Give what an operator of `ai.onnx.ml` makes before its transform: put the same operator without it beside."""
    node = value.producer()
    if node is None:
        raise AssertionError("a classifier made the value")
    attributes = [held for name, held in node.attributes.items() if name != TRANSFORM]
    copy = ir.Node(node.domain, node.op_type, node.inputs, attributes, num_outputs=len(node.outputs))
    return insert_after(value, copy, f"{value.name}_logits", len(node.outputs) - 1, like=value)
