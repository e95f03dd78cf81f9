"""Logits for a model that gives probabilities and whose logits can't be reached: their logarithm, from a floor."""

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.values import add_constant, unused_name

# The names of the nodes, by which they are found again.
LOG, FLOOR, FLOAT32 = "dynanoise/log_probabilities", "dynanoise/floor", "dynanoise/float32"
FOUND_BY_NAME = {LOG, FLOOR, FLOAT32}

# How much of an answer the classes at the floor can take together.
FLOORED = 0.01
# A higher floor would make every answer of a model with many classes the same.
LARGEST_FLOOR = 0.1


def default_floor(classes: int) -> float:
    """Give the smallest probability that a defence distinguishes, for a model of k classes.

    A forest or a nearest-neighbour model gives probabilities of exactly 0. Their logarithm is −∞, which no noise
    changes, so that such an answer would leave the model as it was.
    """
    return FLOORED / classes


def append_log(model: ir.Model, probabilities: ir.Value, floor: float) -> ir.Value:
    """Compute log max(p, floor) in float32, at the end of the graph.

    Args:
        model: changed in place.
        probabilities: [n, k], a value of the main graph.
        floor: the smallest probability that the defence distinguishes.

    Returns:
        The logarithm, [n, k].
    """
    value = probabilities
    if value.dtype is not ir.DataType.FLOAT:
        value = _append(model, ir.node("Cast", [value], {"to": ir.DataType.FLOAT.value}, name=FLOAT32), probabilities)
    least = add_constant(model, "dynanoise_floor", np.array(floor, np.float32))
    value = _append(model, ir.node("Max", [value, least], name=FLOOR), probabilities)
    return _append(model, ir.node("Log", [value], name=LOG), probabilities)


def before_log(logits: ir.Value) -> ir.Value | None:
    """Give the probabilities that `append_log` took; None if it did not make these logits."""
    value: ir.Value | None = logits
    node = logits.producer()
    if node is None or node.name != LOG:
        return None
    while node is not None and node.name in (LOG, FLOOR, FLOAT32):
        value = node.inputs[0]
        node = None if value is None else value.producer()
    return value


def _append(model: ir.Model, node: ir.Node, like: ir.Value) -> ir.Value:
    made = node.outputs[0]
    made.name = unused_name(model, "dynanoise_log_probabilities")
    made.type, made.shape = ir.TensorType(ir.DataType.FLOAT), like.shape
    model.graph.append(node)
    return made
