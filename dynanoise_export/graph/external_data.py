"""A model's weights, and which of them are stored in other files."""

from collections.abc import Iterator

import onnx_ir as ir


def scopes(model: ir.Model) -> list[ir.Graph | ir.Function]:
    """List the main graph and the functions; subgraphs are inside them."""
    return [model.graph, *model.functions.values()]


def weights(model: ir.Model) -> Iterator[tuple[ir.Value, ir.TensorProtocol]]:
    """Iterate over the initializers of all graphs and their tensors."""
    for scope in scopes(model):
        for graph in (scope, *scope.subgraphs()):
            for value in graph.initializers.values() if isinstance(graph, ir.Graph) else ():
                if value.const_value is not None:
                    yield value, value.const_value


def external_weights(model: ir.Model) -> Iterator[tuple[ir.Value, ir.ExternalTensor]]:
    """Iterate over the weights that are stored in other files."""
    return ((value, tensor) for value, tensor in weights(model) if isinstance(tensor, ir.ExternalTensor))


def attributes(model: ir.Model) -> Iterator[ir.Attr]:
    """Iterate over the attributes of all operators."""
    for scope in scopes(model):
        for node in scope.all_nodes():
            yield from node.attributes.values()


def external_attributes(model: ir.Model) -> Iterator[ir.Attr]:
    """Iterate over the attributes that are stored in other files, which ONNX allows."""
    for attribute in attributes(model):
        held = attribute.value if attribute.type == ir.AttributeType.TENSORS else [attribute.value]
        if not attribute.is_ref() and any(isinstance(tensor, ir.ExternalTensor) for tensor in held):
            yield attribute
