"""A model's weights, and which of them are stored in other files."""

from collections.abc import Iterator
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.errors import FileAccessError, FormatError, UntrustedCodeError


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


def located(path: Path, tensor: ir.ExternalTensor) -> ir.ExternalTensor:
    """Give an external tensor its full path, after checking that all of it lies in the model's folder.

    A location outside the model's folder could copy any file of this machine into the exported model. In the cache of
    Hugging Face's hub, models and data are links into one other folder, which is allowed too.

    Args:
        path: of the model.
        tensor: with a location relative to the model's folder.

    Raises:
        UserError: it is outside the folder, missing, damaged or cut short.
    """
    try:
        data = (path.parent / tensor.location).resolve()
        size = data.stat().st_size if data.is_file() else None
        start, length = tensor.offset or 0, tensor.nbytes
    except Exception as error:  # foreign bytes: an invalid path or an unknown type
        raise FormatError(f"{path} is damaged at the weight {tensor.name!r}: {error}") from error
    if not any(data.is_relative_to(folder) for folder in (path.parent.resolve(), path.resolve().parent)):
        raise UntrustedCodeError(
            f"{path} reads the weight {tensor.name!r} from {tensor.location!s}, outside its folder: move it inside."
        )
    if size is None:
        raise FileAccessError(f"{path} reads the weight {tensor.name!r} from {data.name}, which is missing.")
    if start < 0 or min(tensor.shape.numpy(), default=0) < 0 or tensor.length not in (None, length):
        raise FormatError(f"{path} is damaged at the weight {tensor.name!r}: its place in {data.name} is invalid.")
    if size < start + length:
        raise FormatError(f"{data} is cut short: it ends within the weight {tensor.name!r} of {path.name}.")
    # Without a base folder onnx-ir accepts links, which package managers make as well as attackers.
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
