"""Cut a model's graph in three: its guard, the model itself up to its logits, and its defence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.guards.guard_catalogue import GUARDS
from dynanoise_export.graph.attach import carries_defence
from dynanoise_export.graph.probe import probe_defence
from dynanoise_export.graph.provenance import PREFIX
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.input_noise import INPUT_NAME
from dynanoise_export.onnx_functions import DOMAIN

# What the names of nodes begin with that were put between the model and its defence.
ATTACHED = "dynanoise/"
FUNCTIONS_OF_GUARDS = {guard.function_name for guard in GUARDS.values()}


@dataclass(frozen=True)
class SplitGraph:
    """The parts of a graph.

    Attributes:
        guard: the guarded inputs to what the model itself gets; None without a guard.
        guarded: the outputs of the guard, and the inputs of the trunk that they are for.
        trunk: rows to scores. It has the same content whatever the guard and the defence.
        head: the scores, and noise if the model takes it, to the answers; None for an undefended model.
        scores: the name of the scores, in the trunk and in the head.
    """

    guard: ir.Model | None
    guarded: Mapping[str, str]
    trunk: ir.Model
    head: ir.Model | None
    scores: str


def split_graph(model: ir.Model) -> SplitGraph:
    """Cut a model at its logits; the model is not changed.

    Args:
        model: with one output, and a dynamic batch.

    Raises:
        UserError: its defence is not found.
        ValueError: it has several outputs, or its defence takes more of a query than the scores.
    """
    answers = [str(value.name) for value in model.graph.outputs]
    if len(answers) > 1:
        raise ValueError(f"a model with the outputs {', '.join(answers)} can't be cut")
    guarded = {
        str(node.outputs[0].name): str(node.inputs[0].name)
        for node in model.graph
        if node.domain == DOMAIN and node.op_type in FUNCTIONS_OF_GUARDS and node.inputs[0] is not None
    }
    scores = _scores(model)
    trunk = _part(model, [scores], guarded)
    _forget_defence(trunk)
    head = None if answers == [scores] else _part(model, answers, {scores: scores})
    queried = {value.name for value in trunk.graph.inputs}
    if head is not None and queried & {value.name for value in head.graph.inputs}:
        raise ValueError("a defence that takes the query itself can't be cut off")
    guard = _part(model, list(guarded), {}) if guarded else None
    return SplitGraph(guard, guarded, trunk, head, scores)


def _scores(model: ir.Model) -> str:
    """Name the model's own scores, before they are reshaped and copies merged; the output of an undefended model."""
    if not carries_defence(model):
        return str(model.graph.outputs[0].name)
    copy = model.clone()
    if any(value.name == INPUT_NAME for value in model.graph.inputs):  # a file states it, and a shadow model does not
        copy.metadata_props[f"{PREFIX}noise_input"] = INPUT_NAME
    _, taken = probe_defence(copy)
    value = value_named(model, str(taken.value.name))
    while value is not None and (node := value.producer()) is not None and (node.name or "").startswith(ATTACHED):
        value = node.inputs[0]
    if value is None:
        raise ValueError("the scores are not in the graph itself")
    return str(value.name)


def _part(model: ir.Model, outputs: Sequence[str], given: Mapping[str, str]) -> ir.Model:
    """Copy what makes the outputs of the values that are given, which become inputs under new names."""
    copy = model.clone()
    made = [value_named(copy, name) for name in outputs]
    for name, new in given.items():
        value = value_named(copy, name)
        if value is None:
            raise ValueError(f"{name} is not in the graph")
        copy.graph.inputs[:] = [one for one in copy.graph.inputs if one.name != new]
        copy.graph.inputs.append(ir.Value(name=new, shape=value.shape, type=value.type))
        value.name = f"{name}_cut"
        ir.convenience.replace_all_uses_with(value, copy.graph.inputs[-1], replace_graph_outputs=True)
    copy.graph.outputs[:] = [value for value in made if value is not None]
    common.RemoveUnusedNodesPass()(copy)
    common.RemoveUnusedFunctionsPass()(copy)  # type: ignore[no-untyped-call]
    copy.graph.inputs[:] = [value for value in copy.graph.inputs if value.uses()]
    return copy


def _forget_defence(trunk: ir.Model) -> None:
    """Take away what tells the model itself from the same one behind another defence."""
    trunk.opset_imports.pop(DOMAIN, None)
    for name in [name for name in trunk.metadata_props if name.startswith(PREFIX)]:
        del trunk.metadata_props[name]
