"""A defended model with its body in float16; the head, from the logits on, stays in float32."""

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError
from dynanoise_export.graph.precision import to_float16
from dynanoise_export.graph.probe import probe_head
from dynanoise_export.graph.values import value_named
from dynanoise_export.parameters import Precision

WAY_OUT = "export the model with --precision fp16"


def body_to_float16(model: ir.Model) -> ir.Model:
    """Convert what stands before the head to float16; the model itself is left alone.

    What a head takes is one value, the logits (or the probabilities, of a model that gives these). The model is cut
    there: the part before is converted, and gives the value in float32 again; the part behind is not touched, so that
    a kept label is that of the very logits that the noise goes on.

    Raises:
        UserError: no head is found, or it takes more than the logits, or the body can't be converted.
    """
    whole, body = model.clone(), model.clone()
    cut = _cut(model)
    body.graph.outputs[:] = [_value(body, cut)]
    _remove_unused(body)
    body.graph.inputs[:] = [value for value in body.graph.inputs if value.uses()]  # not the noise
    half = to_float16(body)
    ir.convenience.replace_all_uses_with(_value(whole, cut), half.graph.outputs[0])
    _remove_unused(whole)
    _require_cut(whole, half)
    _take_over(whole, half)
    return whole


def precision_of(model: ir.Model) -> Precision:
    """Tell the type that a model computes in, by its weights."""
    types = {value.dtype for graph in model.graphs() for value in graph.initializers.values()}
    return Precision.FP16 if ir.DataType.FLOAT16 in types else Precision.FP32


def _cut(model: ir.Model) -> str:
    """Find the one value that a head takes, by its name."""
    try:
        return str(probe_head(model)[1].value.name)
    except UserError as error:
        raise UserError(f"{error} to leave in float32: {WAY_OUT}.") from error


def _value(model: ir.Model, name: str) -> ir.Value:
    value = value_named(model, name)
    if value is None or value.producer() is None:
        raise UserError(f"its logits are not made in the main graph: {WAY_OUT}.")
    return value


def _require_cut(whole: ir.Model, half: ir.Model) -> None:
    """See that nothing but the one value goes from the body to the head."""
    of_body = {value.name for value in half.graph.inputs}
    used = any(value.name in of_body and value.uses() for value in whole.graph.inputs)
    if used or whole.graph.initializers.keys() & half.graph.initializers.keys():
        raise UserError(f"its head takes more than the logits: {WAY_OUT}.")


def _remove_unused(model: ir.Model) -> None:
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]


def _take_over(whole: ir.Model, half: ir.Model) -> None:
    """Put the nodes, weights and functions of the one model before what is left of the other."""
    taken = {value.name: value for value in whole.graph.inputs}
    for value in half.graph.inputs:
        ir.convenience.replace_all_uses_with(value, taken[value.name])
    for name in list(half.graph.initializers):
        whole.graph.register_initializer(half.graph.initializers.pop(name))
    nodes = list(half.graph)
    half.graph.remove(nodes)
    whole.graph.insert_before(whole.graph[0], nodes)
    whole.functions.update(half.functions)
