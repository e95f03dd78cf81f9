"""A defended model with its body in float16; the defence, from the logits on, stays in float32."""

from collections.abc import Callable
from typing import TypeVar

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import DefenceError, reason_of
from dynanoise_export.graph.probe import probe_defence
from dynanoise_export.graph.values import value_named
from dynanoise_export.types import Precision

Report = TypeVar("Report")

WAY_OUT = "export the model with --precision fp16"


def body_to_float16(model: ir.Model, convert: Callable[[ir.Model], tuple[ir.Model, Report]]) -> tuple[ir.Model, Report]:
    """Convert what comes before the defence to float16; the model itself is not changed.

    A defence takes one value, the logits (or the probabilities of a model that gives probabilities). The model is cut
    there. The part before the cut is converted and gives the value as float32 again. The part after it is not changed,
    so that a kept label is the label of the same logits that the noise is added to.

    Args:
        model: defended.
        convert: converts a model with one output to float16, and reports on it; its inputs and its output stay in
            float32.

    Returns:
        The defended model with its body converted, and the report.

    Raises:
        UserError: no defence is found, it takes more than the logits, or the body can't be converted.
    """
    whole, body = model.clone(), model.clone()
    cut = _cut(model)
    body.graph.outputs[:] = [_value(body, cut)]
    _remove_unused(body)
    body.graph.inputs[:] = [value for value in body.graph.inputs if value.uses()]  # not the noise
    half, report = convert(body)
    ir.convenience.replace_all_uses_with(_value(whole, cut), half.graph.outputs[0])
    _remove_unused(whole)
    _require_cut(whole, half)
    _take_over(whole, half)
    return whole, report


def precision_of(model: ir.Model) -> Precision:
    """Find the type that a model computes in, from its weights."""
    types = {value.dtype for graph in model.graphs() for value in graph.initializers.values()}
    return Precision.FP16 if ir.DataType.FLOAT16 in types else Precision.FP32


def _cut(model: ir.Model) -> str:
    """Find the name of the one value that the defence takes."""
    try:
        return str(probe_defence(model)[1].value.name)
    except DefenceError as error:
        raise DefenceError(f"{reason_of(error)}, so nothing can stay in float32: {WAY_OUT}.") from error


def _value(model: ir.Model, name: str) -> ir.Value:
    value = value_named(model, name)
    if value is None or value.producer() is None:
        raise DefenceError(f"The logits are not computed in the main graph: {WAY_OUT}.")
    return value


def _require_cut(whole: ir.Model, half: ir.Model) -> None:
    """Check that the defence takes nothing from the body except the one value."""
    of_body = {value.name for value in half.graph.inputs}
    used = any(value.name in of_body and value.uses() for value in whole.graph.inputs)
    if used or whole.graph.initializers.keys() & half.graph.initializers.keys():
        raise DefenceError(f"The defence takes more than the logits: {WAY_OUT}.")


def _remove_unused(model: ir.Model) -> None:
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]


def _take_over(whole: ir.Model, half: ir.Model) -> None:
    """Move the nodes, weights and functions of the converted body in front of the rest of the model."""
    taken = {value.name: value for value in whole.graph.inputs}
    for value in half.graph.inputs:
        ir.convenience.replace_all_uses_with(value, taken[value.name])
    for name in list(half.graph.initializers):
        whole.graph.register_initializer(half.graph.initializers.pop(name))
    nodes = list(half.graph)
    half.graph.remove(nodes)
    whole.graph.insert_before(whole.graph[0], nodes)
    whole.functions.update(half.functions)
