"""The test twin: the same graph with its noise fed from outside."""

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError
from dynanoise_export.graph.values import unused_name
from dynanoise_export.mechanism.noise import INPUT_NAME

RANDOM_LIKE = "RandomNormalLike"


def make_twin(model: ir.Model) -> str:
    """Replace the model's draw of standard normals by an input, in place.

    Args:
        model: a defended model, with its head as a function or flattened.

    Returns:
        The name of the input that takes the noise, float32 [n, k]; for a model that takes its noise as an input
        already, the name of that.

    Raises:
        UserError: the model draws no noise, draws in several places or in a branch or loop, or not standard normals.
    """
    stated = model.metadata_props.get("dynanoise.noise_input")
    if any(value.name == stated for value in model.graph.inputs):
        return str(stated)
    _inline_draws(model)
    draws = [node for node in model.graph.all_nodes() if _draws(node)]
    if len(draws) != 1:
        raise UserError(f"The model draws noise in {len(draws)} places, and the test twin needs exactly one.")
    return _replace(model, draws[0])


def _draws(node: ir.Node) -> bool:
    return node.op_type == RANDOM_LIKE and node.domain == ""


def _inline_draws(model: ir.Model) -> None:
    """Flatten the functions that draw, and those that call them."""
    drawing: set[ir.OperatorIdentifier] = set()
    found = True
    while found:
        found = False
        for name, function in model.functions.items():
            if name not in drawing and any(_draws(n) or n.op_identifier() in drawing for n in function.all_nodes()):
                drawing.add(name)
                found = True
    common.InlinePass(criteria=lambda function: function.identifier() in drawing)(model)


def _replace(model: ir.Model, draw: ir.Node) -> str:
    if draw.graph is not model.graph:
        raise UserError("The model draws its noise in a branch or a loop, where the test twin can't feed it.")
    if draw.attributes.get_float("mean", 0.0) != 0 or draw.attributes.get_float("scale", 1.0) != 1:
        raise UserError("The model draws noise that is not standard normal, and the test twin feeds standard normals.")
    drawn = draw.outputs[0]
    dtype = ir.DataType(draw.attributes.get_int("dtype", ir.DataType.FLOAT))
    like = draw.inputs[0]
    shape = drawn.shape or (like.shape if like is not None else None) or ir.Shape([None, None])
    noise = ir.Value(type=ir.TensorType(dtype), shape=shape)
    ir.convenience.replace_all_uses_with(drawn, noise)
    model.graph.remove(draw, safe=True)
    noise.name = unused_name(model, INPUT_NAME)
    model.graph.inputs.append(noise)
    return str(noise.name)
