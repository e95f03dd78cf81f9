"""The test twin: the same graph with its noise as an input."""

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import NoiseError
from dynanoise_export.graph.draws import looks_up_a_hash
from dynanoise_export.graph.values import unused_name
from dynanoise_export.noise.input_noise import INPUT_NAME

RANDOM_LIKE = "RandomNormalLike"


def make_twin(model: ir.Model) -> str:
    """Replace the model's own standard normals with an input, in place.

    Args:
        model: a defended model, whose defence is a function or flattened.

    Returns:
        The name of the input that takes the noise, float32 [n, k]. A model that takes its noise as an input already is
        not changed.

    Raises:
        NoiseError: the model draws no noise, draws it in several places or in a branch or loop, or draws something
            other than standard normals.
    """
    stated = model.metadata_props.get("dynanoise.noise_input")
    if any(value.name == stated for value in model.graph.inputs):
        return str(stated)
    _inline_draws(model)
    draws = [node for node in model.graph.all_nodes() if _draws(node)]
    if draws and all(looks_up_a_hash(node) for node in draws):
        common.TopologicalSortPass()(model)
        return _replace(model, _keyed_normals(model, draws), ir.DataType.FLOAT)
    if len(draws) != 1:
        raise NoiseError(f"The model draws noise in {len(draws)} places, and a test twin needs exactly one.")
    return _replace_draw(model, draws[0])


def _draws(node: ir.Node) -> bool:
    return (node.op_type == RANDOM_LIKE and node.domain == "") or looks_up_a_hash(node)


def _inline_draws(model: ir.Model) -> None:
    """Flatten the functions that draw noise, and those that call them."""
    drawing: set[ir.OperatorIdentifier] = set()
    found = True
    while found:
        found = False
        for name, function in model.functions.items():
            if name not in drawing and any(_draws(n) or n.op_identifier() in drawing for n in function.all_nodes()):
                drawing.add(name)
                found = True
    common.InlinePass(criteria=lambda function: function.identifier() in drawing)(model)


def _keyed_normals(model: ir.Model, lookups: list[ir.Node]) -> ir.Value:
    """Find the one value that is computed from the looked-up rows and constants, and then combined with the query."""
    normals = {node.outputs[0] for node in lookups}
    queried = set(model.graph.inputs)
    met = []
    for node in model.graph:
        operands = {value for value in node.inputs if value is not None}
        if node in lookups:
            continue
        if operands & normals and not operands & queried:
            normals.update(node.outputs)
        elif operands & queried:
            met += [value for value in operands & normals if value not in met]
            queried.update(node.outputs)
    if len(met) != 1:
        raise NoiseError(
            f"The model's keyed noise meets the query in {len(met)} places, and a test twin needs exactly one."
        )
    return met[0]


def _replace_draw(model: ir.Model, draw: ir.Node) -> str:
    if draw.graph is not model.graph:
        raise NoiseError("The model draws its noise in a branch or a loop, where a test twin can't feed it.")
    if draw.attributes.get_float("mean", 0.0) != 0 or draw.attributes.get_float("scale", 1.0) != 1:
        raise NoiseError("The model draws noise that is not standard normal, and a test twin feeds standard normals.")
    drawn, like = draw.outputs[0], draw.inputs[0]
    drawn.shape = drawn.shape or (like.shape if like is not None else None)
    return _replace(model, drawn, ir.DataType(draw.attributes.get_int("dtype", ir.DataType.FLOAT)))


def _replace(model: ir.Model, drawn: ir.Value, dtype: ir.DataType) -> str:
    noise = ir.Value(type=ir.TensorType(dtype), shape=drawn.shape or ir.Shape([None, None]))
    ir.convenience.replace_all_uses_with(drawn, noise)
    common.RemoveUnusedNodesPass()(model)
    noise.name = unused_name(model, INPUT_NAME)
    model.graph.inputs.append(noise)
    return str(noise.name)
