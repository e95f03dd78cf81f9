"""The forms of a softmax in a graph: one operator or several, quantised or not."""

import onnx_ir as ir

from dynanoise_export.graph.class_maps import ML
from dynanoise_export.graph.classifier_operators import logits_of_classifier
from dynanoise_export.graph.patterns import constant, first_match, insert_after, operand, operator, unchanged


def softmax_input(value: ir.Value) -> ir.Value | None:
    """Give the logits if a value is their softmax or log-softmax.

    For an operator that takes quantised logits, or that computes the softmax itself, one that gives the logits is put
    into the graph beside it.
    """
    return _own_logits(value if (probabilities := _normalised(value)) is None else probabilities)


def _own_logits(value: ir.Value) -> ir.Value | None:
    forms = (_one_operator, _log_of, _exp_of, _quotient, _quantised, _less_log_sum_exp, logits_of_classifier)
    return first_match(value, forms)


def _one_operator(value: ir.Value, *operators: str) -> ir.Value | None:
    """Give the input of a Softmax or LogSoftmax, or only of those that are named."""
    logits, node = operand(value, set(operators) or {"Softmax", "LogSoftmax"}), value.producer()
    if logits is None or node is None:
        return None
    # Up to opset 12 the default axis is 1, and later axes are flattened into it: the same for [n, k].
    return None if node.attributes.get_int("axis", -1) == 0 else logits


def _log_of(value: ir.Value) -> ir.Value | None:
    inner = operand(value, {"Log"})
    return None if inner is None else _one_operator(inner, "Softmax") or _quotient(inner)


def _exp_of(value: ir.Value) -> ir.Value | None:
    inner = operand(value, {"Exp"})
    return None if inner is None else _one_operator(inner, "LogSoftmax") or _less_log_sum_exp(inner)


def _quotient(value: ir.Value) -> ir.Value | None:
    """Give z of exp(x) / Σ exp(x), with x = z or x = z − max z."""
    powers, total = operand(value, {"Div"}), operand(value, {"Div"}, 1)
    if powers is None or total is None or not _reduces(total, "ReduceSum", powers):
        return None
    exponent = operand(powers, {"Exp"})
    if exponent is None:
        return None
    shifted, maximum = operand(exponent, {"Sub"}), operand(exponent, {"Sub"}, 1)
    if shifted is not None and maximum is not None and _reduces(maximum, "ReduceMax", shifted):
        return shifted
    return exponent


def _reduces(value: ir.Value, reduction: str, of: ir.Value) -> bool:
    """Whether the value is this reduction of the other over its classes, with the axis kept."""
    node = value.producer()
    if operand(value, {reduction}) is not of or node is None or node.attributes.get_int("keepdims", 1) != 1:
        return False
    if "axes" in node.attributes:
        axes = list(node.attributes["axes"].as_ints())
    elif len(node.inputs) > 1 and (given := constant(node.inputs[1])) is not None:
        axes = given.tolist()
    else:
        return False
    return axes in ([-1], [1])


def _quantised(value: ir.Value) -> ir.Value | None:
    """Give the logits of ONNX Runtime's QLinearSoftmax, behind its DequantizeLinear."""
    inner = operand(value, {"DequantizeLinear"})
    node = None if inner is None else inner.producer()
    if inner is None or node is None or operator(inner) != "QLinearSoftmax":
        return None
    return insert_after(value, ir.node("DequantizeLinear", list(node.inputs[:3])), f"{value.name}_logits", like=value)


def _less_log_sum_exp(value: ir.Value) -> ir.Value | None:
    """Give z of the log-softmax z − log Σ exp z."""
    logits, total = operand(value, {"Sub"}), operand(value, {"Sub"}, 1)
    if logits is None or total is None:
        return None
    return logits if operand(unchanged(total).value, {"ReduceLogSumExp"}) is logits else None


def _normalised(value: ir.Value) -> ir.Value | None:
    """Give the scores that are divided by their sum, which leaves a softmax as it is; None if nothing is."""
    node = value.producer()
    if node is not None and (node.domain, node.op_type) == (ML, "Normalizer") and node.inputs[0] is not None:
        return unchanged(node.inputs[0]).value if node.attributes.get_string("norm", "MAX") == "L1" else None
    scores, total = operand(value, {"Div"}), operand(value, {"Div"}, 1)
    if scores is None or total is None or operand(unchanged(total).value, {"ReduceSum"}) is not scores:
        return None
    return None if operator(scores) == "Exp" else unchanged(scores).value
