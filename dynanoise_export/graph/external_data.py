"""A model's weights, and those of them that lie in other files."""

from collections.abc import Iterator
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.errors import UserError


def scopes(model: ir.Model) -> list[ir.Graph | ir.Function]:
    """List the main graph and the functions; the subgraphs are within."""
    return [model.graph, *model.functions.values()]


def weights(model: ir.Model) -> Iterator[tuple[ir.Value, ir.TensorProtocol]]:
    """Go through the initializers of all graphs, and what they hold."""
    for scope in scopes(model):
        for graph in (scope, *scope.subgraphs()):
            for value in graph.initializers.values() if isinstance(graph, ir.Graph) else ():
                if value.const_value is not None:
                    yield value, value.const_value


def external_weights(model: ir.Model) -> Iterator[tuple[ir.Value, ir.ExternalTensor]]:
    """Go through those of them that lie in other files."""
    return ((value, tensor) for value, tensor in weights(model) if isinstance(tensor, ir.ExternalTensor))


def attributes(model: ir.Model) -> Iterator[ir.Attr]:
    """Go through the attributes of all operators."""
    for scope in scopes(model):
        for node in scope.all_nodes():
            yield from node.attributes.values()


def external_attributes(model: ir.Model) -> Iterator[ir.Attr]:
    """Go through those of them that lie in other files, as ONNX allows."""
    for attribute in attributes(model):
        held = attribute.value if attribute.type == ir.AttributeType.TENSORS else [attribute.value]
        if not attribute.is_ref() and any(isinstance(tensor, ir.ExternalTensor) for tensor in held):
            yield attribute


def located(path: Path, tensor: ir.ExternalTensor) -> ir.ExternalTensor:
    """Give the same tensor by its full path, once it is clear that it lies beside the model, and all of it.

    A location outside the model's folder would copy any file of this machine into the exported model. In the
    cache of Hugging Face's hub, models and data are links into one other folder: that is inside too.

    Raises:
        UserError: it lies elsewhere, is missing or is cut short.
    """
    try:
        data = (path.parent / tensor.location).resolve()
        size = data.stat().st_size if data.is_file() else None
        start, length = tensor.offset or 0, tensor.nbytes
    except Exception as error:  # foreign bytes: a path that is none, a type that is none
        raise UserError(f"{path} is damaged at the weight {tensor.name!r}: {error}") from error
    if not any(data.is_relative_to(folder) for folder in (path.parent.resolve(), path.resolve().parent)):
        raise UserError(f"{path} keeps the weight {tensor.name!r} outside its folder, in {tensor.location!s}.")
    if size is None:
        raise UserError(f"{path} keeps the weight {tensor.name!r} in {data.name}, which is missing.")
    if start < 0 or min(tensor.shape.numpy(), default=0) < 0 or tensor.length not in (None, length):
        raise UserError(f"{path} is damaged at the weight {tensor.name!r}: its place in {data.name} is none.")
    if size < start + length:
        raise UserError(f"{data} is cut short: it ends within the weight {tensor.name!r} of {path.name}.")
    # With no base folder onnx-ir is content with links, which package managers make as well as attackers.
    return ir.ExternalTensor(
        str(data),
        tensor.offset,
        tensor.length,
        tensor.dtype,
        shape=tensor.shape,
        name=tensor.name,
        doc_string=tensor.doc_string,
        metadata_props=tensor.metadata_props,
    )
