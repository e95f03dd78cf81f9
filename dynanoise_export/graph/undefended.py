"""The undefended graph: a defended graph with a softmax in place of its defence, for comparison only."""

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.probe import probe_defence
from dynanoise_export.graph.provenance import PREFIX, read_provenance
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.onnx_functions import DOMAIN


def undefended(model: ir.Model) -> ir.Model:
    """Make the undefended model of a defended model, which is not changed; a guard goes too.

    Raises:
        DefenceError: no defence is found in it.
    """
    probe, taken = probe_defence(model)
    plain = probe.model
    plain.graph.inputs[:] = [value for value in plain.graph.inputs if value.name != probe.noise]
    if taken.probabilities:
        give_only(plain, taken.value)
    else:
        give_softmax(plain, taken.value)
    stated = read_provenance(model)
    if stated is not None and stated.guard is not None:
        plain = compare_guard(plain, stated.guard).without
    common.RemoveUnusedFunctionsPass()(plain)  # type: ignore[no-untyped-call]
    plain.opset_imports.pop(DOMAIN, None)
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
