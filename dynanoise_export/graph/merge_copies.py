"""Copies of each query in an ONNX model: their answers become one, and a graph is searched for where they do."""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.defences.guards.merging import merging_function
from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.logits import Scale
from dynanoise_export.graph.same_form import SameForm, same_values
from dynanoise_export.graph.specs import taken
from dynanoise_export.graph.values import add_constant, unused_name, value_named
from dynanoise_export.onnx_functions import DOMAIN, OLDEST_IR, VERSION

CONSTANTS = "dynanoise_copies"


def merge_copies(model: ir.Model, scores: ir.Value, classes: int, guard: Guard, scale: Scale) -> ir.Value:
    """Make one answer of the copies that a guard makes of each query, in place.

    Args:
        model: whose inputs the guard is attached to later.
        scores: of the copies, [copies·n, k].
        classes: k.
        guard: that makes the copies.
        scale: of the scores.

    Returns:
        Scores [n, k], of the same scale.

    Raises:
        UnsupportedModelError: the model has a fixed batch.
    """
    inputs = taken(model)
    if fixed := [value for value in inputs if not value.shape or isinstance(value.shape[0], int)]:
        raise UnsupportedModelError(
            f"The input {fixed[0].name!r} has a fixed batch, and the guard {guard.kind} sends {guard.copies} rows for "
            "each query: add --dynamic-batch, or choose another guard."
        )
    _forget_batch(model)
    batch = inputs[0].shape[0] if inputs[0].shape else None
    return _append(model, scores, guard.copies, classes, scale, batch)


def _append(
    model: ir.Model, scores: ir.Value, copies: int, classes: int, scale: Scale, batch: int | ir.SymbolicDim | None
) -> ir.Value:
    function = merging_function(model.opset_imports[""], probabilities=scale is Scale.PROBABILITIES)
    shape = add_constant(model, f"{CONSTANTS}/shape", np.array([copies, -1, classes], np.int64))
    count = add_constant(model, f"{CONSTANTS}/count", np.array(copies, np.float32))
    node = ir.node(function.name, [scores, shape, count], domain=DOMAIN, name=f"dynanoise/{function.name}")
    made = node.outputs[0]
    made.name = unused_name(model, "dynanoise_merged")
    made.type, made.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([batch, classes])
    model.graph.append(node)
    model.functions[function.identifier()] = function
    model.opset_imports[DOMAIN] = VERSION
    model.ir_version = max(model.ir_version, OLDEST_IR)
    return made


def _forget_batch(model: ir.Model) -> None:
    """Forget the batch in what a model declares of its values.

    They get more rows than the inputs, and runtimes plan their memory by the names of axes.
    """
    for graph in list(model.graphs()):
        inner = [] if graph is model.graph else list(graph.inputs)
        for value in (*inner, *(value for node in graph for value in node.outputs)):
            if value.shape is not None and len(value.shape):
                axes = [axis if isinstance(axis, int) else None for axis in value.shape]
                value.shape = ir.Shape([None, *axes[1:]])


def merged_values(model: ir.Model, copies: int) -> Iterator[tuple[ir.Value, ir.Value]]:
    """Find where the answers to copies become one, in a model without functions of this project.

    Yields:
        The value with one answer for each query, and the scores of the copies.
    """
    for classes in _widths(model, copies):
        for scale in (Scale.LOGITS, Scale.PROBABILITIES):
            form = _form(model, copies, classes, scale)
            wanted, source = form.graph.outputs[0], form.graph.inputs[0]
            for candidate in [value for node in model.graph for value in node.outputs]:
                comparison = SameForm(form, model)
                if same_values(comparison, wanted, candidate) and source in comparison.found:
                    yield candidate, comparison.found[source]


def _form(model: ir.Model, copies: int, classes: int, scale: Scale) -> ir.Model:
    scores = ir.Value(name="scores", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([None, classes]))
    opset = model.opset_imports.get("", 0)
    form = ir.Model(
        ir.Graph([scores], [], nodes=[], opset_imports={"": opset}, name="copies"), ir_version=model.ir_version
    )
    form.graph.outputs.append(_append(form, scores, copies, classes, scale, None))
    common.InlinePass()(form)
    return form


def _widths(model: ir.Model, copies: int) -> set[int]:
    """Collect the numbers of classes by which a model divides scores into copies."""
    nodes = [node for node in model.graph if node.op_type == "Reshape" and len(node.inputs) > 1]
    shapes = [ir.convenience.get_const_tensor(node.inputs[1]) for node in nodes if node.inputs[1] is not None]
    found = [shape.numpy().ravel().tolist() for shape in shapes if shape is not None]
    return {axes[2] for axes in found if len(axes) == 3 and axes[:2] == [copies, -1] and axes[2] > 0}


def around_the_merge(model: ir.Model, guarded: list[ir.Value], merged: list[ir.Value]) -> bool:
    """Whether anything of the guarded inputs reaches the outputs, but through the merged answers."""
    copy = model.clone()
    for name in (str(value.name) for value in merged):
        value = value_named(copy, name)
        if value is not None:
            ir.convenience.replace_all_uses_with(value, ir.Value(name=f"{name}_cut"), replace_graph_outputs=True)
    common.RemoveUnusedNodesPass()(copy)
    return any(value_named(copy, str(value.name)) is not None for value in guarded)
