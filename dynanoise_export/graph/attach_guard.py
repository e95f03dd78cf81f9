"""Attach a guard to the inputs of an ONNX model."""

import numpy as np
import onnx_ir as ir

from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.errors import UsageError
from dynanoise_export.graph.specs import taken
from dynanoise_export.graph.values import add_constant, unused_name
from dynanoise_export.onnx_functions import DOMAIN, VERSION

CONSTANTS = "dynanoise_guard"
# A guard computes in float32, which holds all of float16, or in float64.
WORKING = {
    ir.DataType.FLOAT16: ir.DataType.FLOAT,
    ir.DataType.FLOAT: ir.DataType.FLOAT,
    ir.DataType.DOUBLE: ir.DataType.DOUBLE,
}


def attach_guard(model: ir.Model, guard: Guard) -> None:
    """Put a guard between each of its inputs and everything that uses the input, in place.

    Requires a model of opset 13 or later, with nodes. The inputs keep their names.

    Args:
        model: changed in place; subgraphs that use an input get the guarded one as well.
        guard: whose inputs are all inputs of floats of the model.

    Raises:
        UsageError: the model has no such input.
    """
    inputs = {value.name: value for value in taken(model)}
    for name in guard.bounds:
        value = inputs.get(name)
        work = None if value is None or value.dtype is None else WORKING.get(value.dtype)
        if value is None or work is None:
            raise UsageError(f"The guard is for the input {name!r}, and the model has no such input of floats.")
        _guard_input(model, value, work, guard)
    function = guard.function(model.opset_imports[""])
    model.functions[function.identifier()] = function
    model.opset_imports[DOMAIN] = VERSION


def _guard_input(model: ir.Model, value: ir.Value, work: ir.DataType, guard: Guard) -> None:
    name, uses = str(value.name), value.uses()
    casts = value.dtype is not work
    nodes = [ir.node("Cast", [value], {"to": work.value}, name=f"dynanoise/before_the_guard/{name}")] if casts else []
    given = [nodes[0].outputs[0] if nodes else value, *_constants(model, guard, name, work)]
    nodes.append(ir.node(guard.function_name, given, domain=DOMAIN, name=f"dynanoise/{guard.function_name}/{name}"))
    if value.dtype is not None and casts:
        back = {"to": value.dtype.value}
        nodes.append(ir.node("Cast", nodes[-1].outputs, back, name=f"dynanoise/behind_the_guard/{name}"))
    model.graph.insert_before(next(iter(model.graph)), nodes)
    for node in nodes:
        made, last = node.outputs[0], node is nodes[-1]
        made.type, made.shape = value.type if last else ir.TensorType(work), _shape(value, guard)
        made.name = unused_name(model, f"{name}_guarded" if last else f"{name}_in_the_guard")
    for use in uses:
        use.node.replace_input_with(use.idx, nodes[-1].outputs[0])


def _shape(value: ir.Value, guard: Guard) -> ir.Shape | None:
    """Give the shape of a guarded input; with copies it has more rows."""
    if guard.copies == 1 or value.shape is None:
        return value.shape
    return ir.Shape([None, *value.shape[1:]])


def _constants(model: ir.Model, guard: Guard, name: str, dtype: ir.DataType) -> list[ir.Value]:
    given = guard.operands(name) | guard.tables(name)
    return [
        add_constant(model, f"{CONSTANTS}/{name}/{key}", np.asarray(array, dtype.numpy()))
        for key, array in given.items()
    ]
