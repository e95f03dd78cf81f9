"""Find the draw of random noise in a file."""

import onnx


def draw_of(model: onnx.ModelProto) -> onnx.NodeProto:
    """Give the one node that draws the random noise, in a function of the file or in its graph."""
    nodes = [node for function in model.functions for node in function.node] + list(model.graph.node)
    (draw,) = [node for node in nodes if node.op_type == "RandomNormalLike"]
    return draw
