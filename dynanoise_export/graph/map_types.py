"""Types that are not tensors. onnx-ir can't read that of a map, which scikit-learn's converters write."""

from collections.abc import Iterable, Iterator

import onnx
import onnx_ir as ir

# In a value's `meta`, which is not written to a file: the type that the file states, as text.
STATED_TYPE = "dynanoise.stated_type"


def set_aside_maps(proto: onnx.ModelProto) -> dict[str, str]:
    """Remove every type that holds a map from the values of a model, in place.

    Returns:
        For each input and output of the main graph that lost its type, the type as text by the value's name.
    """
    removed = {}
    for graph in _graphs(proto):
        for value in (*graph.input, *graph.output, *graph.value_info):
            if _holds_map(value.type):
                if graph is proto.graph:
                    removed[value.name] = _text(value.type)
                value.ClearField("type")
    for function in proto.functions:
        for value in function.value_info:
            if _holds_map(value.type):
                value.ClearField("type")
    return removed


def state_types(model: ir.Model, removed: dict[str, str]) -> None:
    """Remember on the inputs and outputs of a model what `set_aside_maps` removed."""
    for value in (*model.graph.inputs, *model.graph.outputs):
        if value.name in removed:
            value.meta[STATED_TYPE] = removed[value.name]


def other_type(value: ir.Value) -> str | None:
    """Give the type of a value that is not a tensor, for people; None for a tensor."""
    stated = value.meta.get(STATED_TYPE)
    if stated is not None:
        return str(stated)
    if value.type is None or isinstance(value.type, ir.TensorType):
        return None
    return type(value.type).__name__.removesuffix("Type").lower()


def _graphs(proto: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    yield proto.graph
    yield from _subgraphs(proto.graph.node)
    for function in proto.functions:
        yield from _subgraphs(function.node)


def _subgraphs(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for attribute in node.attribute:
            held = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
            for graph in held:
                yield graph
                yield from _subgraphs(graph.node)


def _holds_map(held: onnx.TypeProto) -> bool:
    kind = held.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        return _holds_map(getattr(held, kind).elem_type)
    return bool(kind == "map_type")


def _text(held: onnx.TypeProto) -> str:
    kind = held.WhichOneof("value")
    if kind == "map_type":
        return f"map({_element(held.map_type.key_type)}, {_text(held.map_type.value_type)})"
    if kind in ("sequence_type", "optional_type"):
        return f"{'seq' if kind == 'sequence_type' else 'optional'}({_text(getattr(held, kind).elem_type)})"
    return _element(held.tensor_type.elem_type) if kind == "tensor_type" else "?"


def _element(number: int) -> str:
    return ir.DataType(number).name.lower()
