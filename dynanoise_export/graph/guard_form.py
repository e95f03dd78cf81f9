"""Is the guard of a file the one that it states, and does nothing in the model see its inputs but through it.

The guard is attached again, to a graph of the input alone, and is looked for behind the input of the file. Whatever
else uses the input, except for its size, goes around the guard.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.errors import UserError, reason_of
from dynanoise_export.graph.attach_guard import attach_guard
from dynanoise_export.graph.defence_form import UnknownFormError, flattened
from dynanoise_export.graph.merge_copies import around_the_merge, merged_values
from dynanoise_export.graph.same_form import SameForm, passed_on, same_values
from dynanoise_export.graph.specs import taken

# The nodes of a guard and a few casts: so far from its input a guard may end.
LONGEST = 12
SIZES = {"Shape", "Size"}
# The numbers with which these change nothing.
NEUTRAL = {"Add": 0, "Sub": 0, "Div": 1}


@dataclass(frozen=True)
class ComparedGuard:
    """What the comparison found.

    Attributes:
        difference: None if the guard is as stated and the only use of its inputs; else what differs, without a full
            stop.
        without: a copy of the model without the guard; a plain copy if there is a difference.
    """

    difference: str | None
    without: ir.Model


def compare_guard(model: ir.Model, guard: Guard) -> ComparedGuard:
    """Compare what a model does with its inputs with the guard that it states.

    Args:
        model: is not changed.
        guard: the stated one.

    Raises:
        UnknownFormError: the functions of the file can't be flattened, or the guard can't be attached to compare with.
    """
    flat = flattened(model)
    inputs = {value.name: value for value in taken(flat)}
    found: list[tuple[ir.Value, list[ir.Value]]] = []
    for name in guard.bounds:
        value = inputs.get(name)
        if value is None:
            return ComparedGuard(f"it has no input {name!r}", flat)
        guarded = [one for form in _forms(value, flat, guard) for one in _guarded(value, flat, form)]
        if not guarded:
            return ComparedGuard(f"the input {name!r} does not go through the stated guard", flat)
        if around := _around(value, guarded, flat):
            return ComparedGuard(f"{around} goes around the guard of the input {name!r}", flat)
        found.append((value, guarded))
    if guard.copies > 1 and (difference := _take_merge_out(flat, guard, [one for _, many in found for one in many])):
        return ComparedGuard(difference, flat)
    for value, guarded in found:
        for one in guarded:
            ir.convenience.replace_all_uses_with(one, value)
    common.RemoveUnusedNodesPass()(flat)
    return ComparedGuard(None, flat)


def _take_merge_out(model: ir.Model, guard: Guard, guarded: list[ir.Value]) -> str | None:
    """Let the scores of the copies stand in the place of their merged ones, in place.

    Returns:
        None, or what differs; then nothing was changed.
    """
    merged = list(merged_values(model, guard.copies))
    if not merged:
        return f"nothing merges the answers to the {guard.copies} copies"
    if around_the_merge(model, guarded, [one for one, _ in merged]):
        return "an output goes around the merged answers to the copies"
    for one, scores in merged:
        # What was merged is float32; the scores may be another type.
        cast = ir.node("Cast", [scores], {"to": ir.DataType.FLOAT.value})
        cast.outputs[0].type, cast.outputs[0].shape = ir.TensorType(ir.DataType.FLOAT), one.shape
        made = one.producer()
        if made is not None:
            model.graph.insert_before(made, cast)
        ir.convenience.replace_all_uses_with(one, cast.outputs[0], replace_graph_outputs=True)
    return None


def _forms(value: ir.Value, model: ir.Model, guard: Guard) -> list[ir.Model]:
    """Make a graph of one input behind the guard: as it is attached, and as optimisers shorten it."""
    source = ir.Value(name=value.name, type=value.type, shape=value.shape)
    end = ir.node("Identity", [source])
    graph = ir.Graph(
        [source], end.outputs, nodes=[end], opset_imports={"": model.opset_imports.get("", 0)}, name="guard"
    )
    form = ir.Model(graph, ir_version=model.ir_version)
    try:
        attach_guard(form, type(guard)({str(value.name): guard.bounds[str(value.name)]}))
    except UserError as error:
        raise UnknownFormError(reason_of(error)) from error
    form = flattened(form)
    shorter = form.clone()
    # The copies' reshape may become one with a reshape of the model.
    dropped = [node for node in list(shorter.graph) if _is_idle(node) or node.op_type == "Reshape"]
    for node in dropped:
        if node.inputs[0] is not None:
            ir.convenience.replace_all_uses_with(node.outputs[0], node.inputs[0])
    return [form, shorter] if dropped else [form]


def _is_idle(node: ir.Node) -> bool:
    """Whether a node adds or takes away the single number 0, or divides by the single number 1."""
    neutral = NEUTRAL.get(node.op_type)
    other = node.inputs[1] if len(node.inputs) > 1 else None
    constant = None if other is None else ir.convenience.get_const_tensor(other)
    return neutral is not None and constant is not None and constant.size == 1 and constant.numpy().item() == neutral


def _guarded(value: ir.Value, model: ir.Model, form: ir.Model) -> Iterator[ir.Value]:
    """Find the values behind an input that are made as the guard makes its own."""
    wanted, source = _last(form), form.graph.inputs[0]
    for candidate in _behind(value):
        comparison = SameForm(form, model)
        if same_values(comparison, wanted, candidate) and comparison.found.get(source) is value:
            yield candidate


def _last(form: ir.Model) -> ir.Value:
    """Give the last value of a guard in the type that it computes in: another tool may drop the cast behind it."""
    value = passed_on(form.graph.outputs[0])
    node = value.producer()
    while node is not None and node.op_type == "Cast" and node.inputs[0] is not None:
        value = passed_on(node.inputs[0])
        node = value.producer()
    return value


def _behind(value: ir.Value) -> Iterator[ir.Value]:
    """Iterate over the values of the main graph that few nodes make of a value, the nearest first."""
    level, seen = [value], {value}
    for _ in range(LONGEST):
        users = dict.fromkeys(use.node for one in level for use in one.uses() if use.node.graph is value.graph)
        level = [made for node in users for made in node.outputs if made not in seen]
        seen.update(level)
        yield from level


def _around(value: ir.Value, guarded: list[ir.Value], model: ir.Model) -> str | None:
    """Name what uses an input, or a value within its guard, beside the guard; None if nothing does."""
    within = _makers(guarded, value)
    left, seen = [value], {value, *guarded}
    while left:
        one = left.pop()
        if one in model.graph.outputs:
            return f"the output {one.name!r}"
        for use in one.uses():
            sizes = use.node.op_type in SIZES and use.node.domain == ""
            if use.node not in within and not sizes:
                return f"the operator {use.node.op_type} {use.node.name or ''}".strip()
        made = {output for use in one.uses() if use.node in within for output in use.node.outputs} - seen
        seen |= made
        left += made
    return None


def _makers(guarded: list[ir.Value], value: ir.Value) -> set[ir.Node]:
    """Collect the nodes that make guarded values of an input."""
    makers: set[ir.Node] = set()
    left = list(guarded)
    while left:
        node = left.pop().producer()
        if node is not None and node not in makers:
            makers.add(node)
            left += [one for one in node.inputs if one is not None and one is not value]
    return makers
