"""Find values in a graph."""

import onnx_ir as ir


def value_named(model: ir.Model, name: str) -> ir.Value | None:
    """Find a value of the main graph by its name: an output of a node, an input or a weight."""
    made = (value for node in model.graph for value in node.outputs)
    return next((value for value in (*model.graph.inputs, *made) if value.name == name), None)
