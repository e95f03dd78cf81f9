"""The undefended graph: a defended one with a softmax where its head is, to be compared with and not to be kept."""

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.graph.attach import OUTPUT_NAME
from dynanoise_export.graph.probe import probe_head
from dynanoise_export.graph.provenance import PREFIX


def undefended(model: ir.Model) -> ir.Model:
    """Make the undefended model of a defended one; the model itself is left alone.

    Raises:
        UserError: no head is found in it.
    """
    probe, taken = probe_head(model)
    plain = probe.model
    plain.graph.inputs.remove(next(value for value in plain.graph.inputs if value.name == probe.noise))
    if taken.probabilities:
        give_only(plain, taken.value)
    else:
        give_softmax(plain, taken.value)
    for name in [name for name in plain.metadata_props if name.startswith(PREFIX)]:
        del plain.metadata_props[name]
    return plain


def give_softmax(model: ir.Model, logits: ir.Value) -> None:
    """Make the softmax of the logits the model's only output, in place."""
    softmax = ir.node("Softmax", [logits], attributes={"axis": -1})
    softmax.outputs[0].type, softmax.outputs[0].shape = logits.type, logits.shape
    model.graph.append(softmax)
    give_only(model, softmax.outputs[0])


def give_only(model: ir.Model, answers: ir.Value) -> None:
    """Make a value the model's only output, in place."""
    model.graph.outputs[:] = [answers]
    common.RemoveUnusedNodesPass()(model)
    answers.name = OUTPUT_NAME
    common.TopologicalSortPass()(model)
