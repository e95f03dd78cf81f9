"""Give a model a lower opset, where its operators mean the same there."""

from collections.abc import Iterator

import onnx_ir as ir
from onnx.defs import OpSchema, SchemaError, get_schema


def lower_opset(model: ir.Model, opset: int) -> bool:
    """Lower the model's opset in place, if each standard operator means the same at both.

    The newer versions of most operators only take more types, such as bfloat16.

    Args:
        model: of any opset; one of this opset or a lower one is not changed.
        opset: the highest that it may have.

    Returns:
        Whether the model now has at most this opset.
    """
    scopes: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    too_new = [scope for scope in scopes if scope.opset_imports.get("", 0) > opset]
    if not all(_means_the_same(node, scope.opset_imports[""], opset) for scope in too_new for node in _standard(scope)):
        return False
    for scope in too_new:
        scope.opset_imports[""] = opset
    return True


def _standard(scope: ir.Graph | ir.Function) -> Iterator[ir.Node]:
    return (node for node in scope.all_nodes() if node.domain == "")


def _means_the_same(node: ir.Node, newer: int, older: int) -> bool:
    """Whether two versions of an operator differ, for this node, in nothing but the types that they take."""
    try:
        now, before = get_schema(node.op_type, newer), get_schema(node.op_type, older)
    except SchemaError:  # one of the two does not have it
        return False
    if now.since_version == before.since_version:
        return True
    attributes = {name: _attribute(now, name) for name in before.attributes}
    return (
        set(node.attributes) <= set(attributes)
        and attributes == {name: _attribute(before, name) for name in attributes}
        and _operands(now) == _operands(before)
    )


def _attribute(schema: OpSchema, name: str) -> tuple[object, ...] | None:
    attribute = schema.attributes.get(name)
    if attribute is None:
        return None
    return attribute.type, attribute.required, attribute.default_value.SerializeToString()


def _operands(schema: OpSchema) -> list[list[object]]:
    return [[operand.option for operand in operands] for operands in (schema.inputs, schema.outputs)]
