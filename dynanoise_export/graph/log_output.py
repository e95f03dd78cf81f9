"""The logarithm of the answers as a second output, for programs that ask a model for `logits` and take the softmax.

Its softmax is the answer itself. It reveals nothing that the answers do not, because it is computed from them alone.
"""

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.values import add_constant

LOG_OUTPUT = "logits"
# A probability of 0 counts as this, the smallest normal number of float32: its logarithm is finite.
SMALLEST = np.finfo(np.float32).tiny


def append_log_output(model: ir.Model, answers: ir.Value) -> ir.Value:
    """Add the logarithm of the answers to a model, as an output after them.

    Args:
        model: changed in place; no value in it has the name of the output.
        answers: probabilities float32 [n, k].
    """
    smallest = add_constant(model, "dynanoise_smallest", np.asarray(SMALLEST))
    clipped = ir.node("Clip", [answers, smallest], name="dynanoise/clipped_answers")
    log = ir.node("Log", [clipped.outputs[0]], name="dynanoise/log_of_answers")
    for value in (clipped.outputs[0], log.outputs[0]):
        value.type, value.shape = answers.type, answers.shape
    log.outputs[0].name = LOG_OUTPUT
    model.graph.extend([clipped, log])
    model.graph.outputs.append(log.outputs[0])
    return log.outputs[0]


def is_log_of(output: ir.Value, answers: ir.Value) -> bool:
    """Whether an output is what `append_log_output` makes of the answers, and so nothing else."""
    log = _made_by(output, "Log")
    clipped = _made_by(log.inputs[0], "Clip") if log is not None else None
    if clipped is None or len(clipped.inputs) != 2 or clipped.inputs[0] is not answers:
        return False
    smallest = None if clipped.inputs[1] is None else clipped.inputs[1].const_value
    return smallest is not None and smallest.size == 1 and bool(smallest.numpy().item() == SMALLEST)


def _made_by(value: ir.Value | None, operator: str) -> ir.Node | None:
    node = None if value is None else value.producer()
    return node if node is not None and (node.domain, node.op_type) == ("", operator) else None
