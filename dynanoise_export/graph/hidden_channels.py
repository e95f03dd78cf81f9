"""Operators that could hide a channel of a model's author: what to look at before a foreign model is defended.

A defence covers the logits, whatever they say. A model whose author made it tell its confidence to whoever knows a
trigger can't be told from another by its answers. But such a model often has operators that a classifier has no use
for. Ordinary models have few of them or none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from dynanoise_export.graph.draws import RANDOM
from dynanoise_export.graph.leaks import size_origins
from dynanoise_export.onnx_functions import DOMAIN

KNOWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", DOMAIN}
DRAWING = RANDOM | {"Bernoulli", "Multinomial"}
COMPARING = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
# What a layer makes of the inputs is a feature, and no longer the inputs.
LAYERS = {
    "Attention", "Conv", "ConvInteger", "ConvTranspose", "Einsum", "Gather", "Gemm", "GRU", "LSTM", "MatMul",
    "MatMulInteger", "QLinearConv", "QLinearMatMul", "RNN", "Shape", "Size",
}  # fmt: skip


@dataclass(frozen=True)
class NotableOperator:
    """An operator to look at.

    Attributes:
        node: the name of the node, or of its first output if it has none.
        operator: with its domain, if it is not the standard one.
        reason: why to look at it, in a few words.
    """

    node: str
    operator: str
    reason: str


def notable_operators(model: ir.Model, scores: ir.Value | None = None) -> tuple[NotableOperator, ...]:
    """List the operators of a model that could hide a channel.

    Args:
        model: any ONNX model.
        scores: what its defence takes, so that only what makes it is looked at; None for the whole model.
    """
    looked_at = None if scores is None else _before(scores)
    inputs = {value for value in model.graph.inputs if value.name not in model.graph.initializers}
    sizes = size_origins(model)
    found = []
    for node in _nodes(model):
        near = node.op_type not in LAYERS and any(value in inputs for value in node.inputs)
        if near:
            inputs.update(node.outputs)
        if looked_at is not None and node.graph is model.graph and node not in looked_at:
            continue
        reason = _reason(node, model, inputs) or ("its size depends on the query's numbers" if node in sizes else None)
        if reason is not None:
            operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
            name = node.name or next((value.name for value in node.outputs if value.name), None)
            found.append(NotableOperator(name or "", operator, reason))
    return tuple(found)


def _reason(node: ir.Node, model: ir.Model, inputs: set[ir.Value]) -> str | None:
    if node.domain not in KNOWN_DOMAINS and node.op_identifier() not in model.functions:
        return "what it does is not known"
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type in DRAWING:
        return "it draws at random"
    if node.op_type == "Dropout" and len(node.inputs) > 2 and _is_true(node.inputs[2]):
        return "it draws at random: dropout is left on"
    if node.op_type in COMPARING:
        constant = any(value is not None and _constant(value) for value in node.inputs)
        near = any(value in inputs for value in node.inputs)
        return "it compares an input with a constant" if constant and near else None
    if node.op_type in ("If", "Where") and node.inputs[:1] and node.inputs[0] in inputs:
        return "an input chooses what it gives"
    return None


def _before(scores: ir.Value) -> set[ir.Node]:
    """Collect the nodes of the main graph that the scores are made of, with what their subgraphs use."""
    found: set[ir.Node] = set()
    left: list[ir.Value] = [scores]
    while left:
        node = left.pop().producer()
        if node is not None and node not in found:
            found.add(node)
            left += _used(node)
    return found


def _used(node: ir.Node) -> Iterator[ir.Value]:
    yield from (value for value in node.inputs if value is not None)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in attribute.as_graph():
                yield from _used(inner)


def _nodes(model: ir.Model) -> Iterable[ir.Node]:
    yield from model.graph.all_nodes()
    for function in model.functions.values():
        if function.domain != DOMAIN:
            yield from function.all_nodes()


def _constant(value: ir.Value) -> bool:
    node = value.producer()
    return value.const_value is not None or (node is not None and node.op_type == "Constant")


def _is_true(value: ir.Value | None) -> bool:
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return value is not None and (tensor is None or (tensor.size == 1 and bool(tensor.numpy().reshape(-1)[0])))
