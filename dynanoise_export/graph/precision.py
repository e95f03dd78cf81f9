"""Convert a model to float16, before a defence is attached, which stays in float32."""

from collections.abc import Collection

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UnsupportedModelError, first_line
from dynanoise_export.graph.values import unused_name


def prepared(model: ir.Model) -> ir.Model:
    """Copy a model into the form that the conversion needs; its answers stay the same.

    The copy holds its weights in memory, its functions are flattened, its constants are weights, every node of it has
    a name of its own, and its values have types as far as ONNX can infer them.
    """
    copy = ir.external_data.load_to_model(model.clone())
    common.InlinePass()(copy)
    common.RemoveInitializersFromInputsPass()(copy)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(copy)
    common.NameFixPass()(copy)
    common.ShapeInferencePass()(copy)
    return copy


def to_float16(model: ir.Model, kept: Collection[str] = ()) -> ir.Model:
    """Convert the weights and the arithmetic to float16; inputs and outputs stay as they are.

    Args:
        model: as `prepared` gives it; it is not changed.
        kept: the names of the nodes of its main graph that stay in float32.

    Raises:
        UnsupportedModelError: the model can't be converted.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    only_float32 = [*DEFAULT_OP_BLOCK_LIST, *_quantised(model)]
    _require_convertible(model, only_float32)
    copy = model.clone()
    _separate_weights(copy, kept)
    proto: onnx.ModelProto = ir.to_proto(copy)
    _forget_types_of_weights(proto.graph)
    try:
        half: onnx.ModelProto = convert_float_to_float16(
            proto,
            keep_io_types=True,
            disable_shape_infer=True,
            op_block_list=only_float32,
            node_block_list=list(kept),
        )
    except Exception as error:  # the converter has no exception of its own
        raise UnsupportedModelError(
            f"The model can't be converted to float16: {first_line(error)}; leave --precision out."
        ) from error
    _remove_repeated_casts(half.graph)
    converted = ir.from_proto(half)
    converted.graph.sort()  # the converter puts its casts at the end
    _join_float32(converted)
    return converted


def _quantised(model: ir.Model) -> set[str]:
    """List the quantised operators of a model: most of them take scales in float32 only."""
    used = {node.op_type for graph in model.graphs() for node in graph}
    return {operator for operator in used if operator.startswith("Q") or "quantize" in operator.lower()}


def _require_convertible(model: ir.Model, only_float32: Collection[str]) -> None:
    """Refuse operators without float16 in branches and loops: the converter puts their casts into the main graph."""
    inner = (node for graph in model.graphs() if graph is not model.graph for node in graph)
    if found := next((node for node in inner if node.op_type in only_float32), None):
        raise UnsupportedModelError(
            f"The model can't be converted to float16, because of {found.op_type} {found.name} within a branch or a "
            "loop: leave --precision out."
        )


def _separate_weights(model: ir.Model, kept: Collection[str]) -> None:
    """Give the nodes that stay in float32 weights of their own: the converter would round those that others use too."""
    for node in [node for node in model.graph if node.name in kept]:
        for position, value in enumerate(node.inputs):
            if value is None or not value.is_initializer() or len(value.uses()) == 1:
                continue
            name = unused_name(model, f"{value.name}_float32")
            own = ir.Value(name=name, shape=value.shape, type=value.type, const_value=value.const_value)
            model.graph.register_initializer(own)
            node.replace_input_with(position, own)


def _forget_types_of_weights(graph: onnx.GraphProto) -> None:
    """Remove the second statement of the weights' types, which the converter changes even if it keeps the weight."""
    weights = {weight.name for weight in graph.initializer}
    others = [value for value in graph.value_info if value.name not in weights]
    del graph.value_info[:]
    graph.value_info.extend(others)


def _remove_repeated_casts(graph: onnx.GraphProto) -> None:
    """Remove equal casts: the converter makes one for each use of a value by nodes that stay in float32."""
    nodes = {node.output[0] if node.op_type == "Cast" else position: node for position, node in enumerate(graph.node)}
    kept = list(nodes.values())
    del graph.node[:]
    graph.node.extend(kept)


def _join_float32(model: ir.Model) -> None:
    """Remove what the converter puts between two float32 values: a cast to float16 and a cast back.

    Otherwise an input that float16 can't hold would be infinite for a node that stays in float32.
    """
    for node in list(model.graph):
        rounded = node.inputs[0].producer() if _casts_to(node, ir.DataType.FLOAT) and node.inputs[0] else None
        if rounded is None or not _casts_to(rounded, ir.DataType.FLOAT16):
            continue
        source, output = rounded.inputs[0], node.outputs[0]
        if source is None or source.dtype is not ir.DataType.FLOAT:
            continue
        if not output.is_graph_output():
            ir.convenience.replace_all_uses_with(output, source)
        elif source.producer() is not None and not source.is_graph_output():
            ir.convenience.replace_all_uses_with(output, source, replace_graph_outputs=True)
            source.name, source.shape, output.name = output.name, output.shape, None
    common.RemoveUnusedNodesPass()(model)


def _casts_to(node: ir.Node, dtype: ir.DataType) -> bool:
    return node.op_type == "Cast" and node.domain == "" and node.attributes.get_int("to", 0) == dtype.value
