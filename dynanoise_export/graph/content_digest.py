"""A digest of what an ONNX model computes and states, which stays the same when another tool saves the file again.

Tools that store models (model registries, servers) read a file and write it again: the bytes change, the model does
not.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.provenance import PREFIX


def content_sha256(model: ir.Model) -> str:
    """Compute the digest of a model.

    It covers inputs and outputs with their types, operators with their attributes and connections, weights wherever
    they are stored, functions, opsets, and the provenance. It leaves out the order of independent operators, the IR
    version, the producer, notes for people and inferred shapes.

    Args:
        model: its external data, if any, must be readable.

    Returns:
        64 hexadecimal digits.
    """
    return _joined(_of_model(model))


def _of_model(model: ir.Model) -> Iterator[str]:
    yield from (f"{name}={text}" for name, text in sorted(model.metadata_props.items()) if name.startswith(PREFIX))
    yield from _of_opsets(model)
    yield from _of_graph(model.graph)
    for identifier in sorted(model.functions):
        function = model.functions[identifier]
        yield f"function {identifier}"
        yield from _of_opsets(function)
        yield from sorted(
            f"attribute {attribute.name} {_value(attribute)}" for attribute in function.attributes.values()
        )
        yield from _of_graph(function)


def _of_opsets(scope: ir.Model | ir.Function) -> Iterator[str]:
    return (f"opset {domain} {version}" for domain, version in sorted(scope.opset_imports.items()))


def _of_graph(graph: ir.Graph | ir.Function) -> Iterator[str]:
    yield from (f"input {_typed(value)}" for value in graph.inputs)
    yield from (f"output {_typed(value)}" for value in graph.outputs)
    if isinstance(graph, ir.Graph):
        for name in sorted(graph.initializers):
            yield f"weight {name} {_tensor(graph.initializers[name].const_value)}"
    yield from sorted(map(_node, graph))


def _typed(value: ir.Value) -> str:
    return f"{value.name} {value.type} {value.shape}"


def _node(node: ir.Node) -> str:
    inputs = [value.name if value is not None else "" for value in node.inputs]
    outputs = [value.name for value in node.outputs]
    attributes = sorted(f"{name}={_value(attribute)}" for name, attribute in node.attributes.items())
    return f"{outputs} = {node.domain}::{node.op_type}:{node.overload} {inputs} {attributes}"


def _value(attribute: ir.Attr) -> str:
    """Describe an attribute, by its digest if it is long."""
    if attribute.is_ref():
        return f"@{attribute.ref_attr_name}"
    value: Any = attribute.value
    match attribute.type:
        case ir.AttributeType.GRAPH:
            return _joined(_of_graph(value))
        case ir.AttributeType.GRAPHS:
            return _joined(part for graph in value for part in _of_graph(graph))
        case ir.AttributeType.TENSOR:
            return _tensor(value)
        case ir.AttributeType.TENSORS:
            return _joined(map(_tensor, value))
    return f"{attribute.type} {value!r}"


def _joined(parts: Iterator[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def _tensor(tensor: ir.TensorProtocol | None) -> str:
    """Describe a tensor by its type, its shape and the digest of its values."""
    if tensor is None:
        return "none"
    if tensor.dtype is ir.DataType.STRING:
        return f"{tensor.shape} {_joined(repr(text) for text in np.ravel(tensor.numpy()))}"
    # A weight in another file is mapped into memory, and need not be copied.
    values = tensor.numpy()
    held = values.view(np.uint8).data if values.flags.c_contiguous and values.ndim else tensor.tobytes()
    return f"{tensor.dtype} {tensor.shape} {hashlib.sha256(held).hexdigest()}"
