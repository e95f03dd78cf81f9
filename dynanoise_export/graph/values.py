"""Find values in a graph, and names for new ones."""

import itertools
from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from dynanoise_export.types import Array

# The only output of a defended model.
OUTPUT_NAME = "probabilities"


def value_named(model: ir.Model, name: str) -> ir.Value | None:
    """Find a value of the main graph by its name: an output of a node, or an input."""
    made = (value for node in model.graph for value in node.outputs)
    return next((value for value in (*model.graph.inputs, *made) if value.name == name), None)


def values(model: ir.Model) -> Iterator[ir.Value]:
    """Iterate over the inputs, the weights and the nodes' outputs of the main graph and its subgraphs."""
    for graph in list(model.graphs()):
        yield from graph.inputs
        yield from list(graph.initializers.values())
        for node in graph:
            yield from node.outputs


def unused_name(model: ir.Model, wanted: str) -> str:
    """Give a name that no value of the main graph and its subgraphs has: the wanted one, or one with a number."""
    taken = {value.name for value in values(model)}
    candidates = (f"{wanted}_{count}" if count else wanted for count in itertools.count())
    return next(name for name in candidates if name not in taken)


def add_constant(model: ir.Model, name: str, numbers: Array) -> ir.Value:
    """Add a constant to the main graph, as a weight with this name or a similar one."""
    tensor = ir.tensor(np.asarray(numbers), name=unused_name(model, name))
    value = ir.Value(
        name=tensor.name, shape=ir.Shape(numbers.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    model.graph.register_initializer(value)
    return value
