"""What the tensors of a file claim, judged before anything makes arrays of them."""

import math
from collections.abc import Iterator

import onnx
import onnx_ir as ir

from dynanoise_export.errors import FormatError, UnsupportedModelError

# A number in one of a tensor's lists stands for at most as many values: two bits each.
MOST_PACKED = 16
KNOWN_TYPES = {int(known) for known in ir.DataType} - {int(ir.DataType.UNDEFINED)}
LISTS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def require_plain_tensors(proto: onnx.ModelProto) -> None:
    """Check that each tensor of a file holds the values that its shape claims, and has one place in another file.

    Two readers of the same file must find the same place: the library, which judges it, and the runtime.

    Raises:
        FormatError: a tensor claims values that are not there, or two places, or has an unknown type.
        UnsupportedModelError: a sparse tensor.
    """
    for tensor in _tensors(proto):
        if isinstance(tensor, onnx.SparseTensorProto):
            raise UnsupportedModelError(f"The weight {tensor.values.name!r} is sparse, and only dense ones are known.")
        if tensor.data_type not in KNOWN_TYPES:
            raise FormatError(f"The file is damaged at the weight {tensor.name!r}: its type is unknown.")
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _require_one_place(tensor)
        else:
            _require_values(tensor)


def strip_metadata(proto: onnx.ModelProto, prefix: str) -> None:
    """Remove the metadata under a prefix from all tensors of a file, in place, because onnx-ir can only read them.

    Args:
        proto: of the file.
        prefix: in small letters; capital letters make no difference.
    """
    for tensor in _tensors(proto):
        held = () if isinstance(tensor, onnx.SparseTensorProto) else tensor.metadata_props
        for entry in [entry for entry in held if entry.key.strip().casefold().startswith(prefix)]:
            tensor.metadata_props.remove(entry)


def _require_one_place(tensor: onnx.TensorProto) -> None:
    keys = [entry.key for entry in tensor.external_data]
    if len(set(keys)) < len(keys) or tensor.HasField("raw_data") or any(getattr(tensor, name) for name in LISTS):
        raise FormatError(f"The file is damaged at the weight {tensor.name!r}: it is stored in two places.")


def _require_values(tensor: onnx.TensorProto) -> None:
    count = math.prod(tensor.dims)
    if tensor.raw_data and tensor.data_type != onnx.TensorProto.STRING:
        holds = len(tensor.raw_data) == math.ceil(count * ir.DataType(tensor.data_type).bitwidth / 8)
    else:
        holds = count <= MOST_PACKED * sum(len(getattr(tensor, name)) for name in LISTS)
    if tensor.external_data or min(tensor.dims, default=0) < 0 or not holds:
        raise FormatError(f"The file is damaged at the weight {tensor.name!r}: it does not hold the values it claims.")


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto | onnx.SparseTensorProto]:
    graphs = [proto.graph, *(info.initialization for info in proto.training_info)]
    graphs += [info.algorithm for info in proto.training_info]
    attributes = [attribute for function in proto.functions for attribute in function.attribute_proto]
    nodes = [node for function in proto.functions for node in function.node]
    while graphs or nodes or attributes:
        for graph in graphs:
            yield from graph.initializer
            yield from graph.sparse_initializer
            nodes += graph.node
        attributes += [attribute for node in nodes for attribute in node.attribute]
        graphs, nodes = [], []
        for attribute in attributes:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor
            yield from attribute.tensors
            yield from attribute.sparse_tensors
            graphs += [attribute.g] if attribute.HasField("g") else []
            graphs += attribute.graphs
        attributes = []
