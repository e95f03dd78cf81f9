"""Bring scores into the form that a defence takes: floats [n, k]."""

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.logits import Scale
from dynanoise_export.graph.values import add_constant, unused_name


def as_rows(model: ir.Model, scores: ir.Value, classes: int, name: str = "rows") -> ir.Value:
    """Bring scores such as [n, k, 1, 1], or [n] for one class, into the form [n, k], which they must have.

    What a file states about the width of its scores can be wrong, and then every runtime fails at this operator: the
    number of rows is that of the scores, so that they can't be divided into other rows. Runtimes copy nothing for it.
    The scores of a linear layer need no such operator: its weights have the width.

    Args:
        model: changed in place.
        scores: a value of its main graph.
        classes: k.
        name: of the node, which must be unused.
    """
    if are_rows(scores, classes):
        return scores
    shape = add_constant(model, "dynanoise_rows", np.array([0, classes], np.int64))
    return _append(model, ir.node("Reshape", [scores, shape], name=f"dynanoise/{name}_of_{classes}"), scores, classes)


def are_rows(scores: ir.Value, classes: int) -> bool:
    """Whether scores have the form [n, k] whatever the file states: by `as_rows`, or as a Gemm with k columns."""
    node = scores.producer()
    if node is None or node.domain or len(node.inputs) < 2 or node.inputs[1] is None:
        return False
    if node.op_type == "Gemm":
        return _columns(node, node.inputs[1]) == classes
    if node.op_type != "Reshape" or "allowzero" in node.attributes:
        return False
    shape = ir.convenience.get_const_tensor(node.inputs[1])
    return shape is not None and shape.size == 2 and shape.numpy().tolist() == [0, classes]


def _columns(gemm: ir.Node, weights: ir.Value) -> int | None:
    """Count the columns of what a Gemm gives, by its weights; None if these are not known."""
    held = None if weights.is_graph_input() else weights.const_value
    if held is None or len(held.shape) != 2:
        return None
    columns = held.shape[0 if gemm.attributes.get_int("transB", 0) else 1]
    return columns if isinstance(columns, int) else None


def as_two_classes(model: ir.Model, score: ir.Value, scale: Scale) -> ir.Value:
    """Make scores [n, 2] of the one score [n, 1] of the second of two classes.

    A logit z becomes (−z / 2, z / 2), with the softmax (1 − σ(z), σ(z)). A probability p becomes (1 − p, p).

    Args:
        model: changed in place.
        score: a value of its main graph.
        scale: logits or probabilities.
    """
    by, to = ((-0.5, 0.5), (0.0, 0.0)) if scale is Scale.LOGITS else ((-1.0, 1.0), (1.0, 0.0))
    dtype = (score.dtype or ir.DataType.FLOAT).numpy()
    factors = add_constant(model, "dynanoise_two_classes_by", np.array([by], dtype))
    summands = add_constant(model, "dynanoise_two_classes_to", np.array([to], dtype))
    product = _append(model, ir.node("Mul", [score, factors], name="dynanoise/two_classes_by"), score, 2)
    return _append(model, ir.node("Add", [product, summands], name="dynanoise/two_classes"), score, 2)


def _append(model: ir.Model, node: ir.Node, like: ir.Value, classes: int) -> ir.Value:
    made = node.outputs[0]
    made.name = unused_name(model, "dynanoise_scores")
    if like.type is not None:  # a shape without a type can't be written
        made.type, made.shape = like.type, ir.Shape([like.shape[0] if like.shape else None, classes])
    model.graph.append(node)
    return made
