"""The test twin: the same graph with its noise fed from outside."""

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError
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
        UserError: the model draws no noise, or draws in several places.
    """
    if "dynanoise.noise_input" in model.metadata_props:
        return model.metadata_props["dynanoise.noise_input"]
    drawing = {
        identifier
        for identifier, function in model.functions.items()
        if any(node.op_type == RANDOM_LIKE for node in function)
    }
    common.InlinePass(criteria=lambda function: function.identifier() in drawing)(model)
    draws = [node for node in model.graph if node.op_type == RANDOM_LIKE]
    if len(draws) != 1:
        raise UserError(f"The model draws noise in {len(draws)} places, and the test twin needs exactly one.")
    draw = draws[0]
    drawn = draw.outputs[0]
    noise = ir.Value(name=INPUT_NAME, type=ir.TensorType(ir.DataType.FLOAT), shape=drawn.shape)
    model.graph.inputs.append(noise)
    ir.convenience.replace_all_uses_with(drawn, noise)
    model.graph.remove(draw, safe=True)
    return INPUT_NAME
