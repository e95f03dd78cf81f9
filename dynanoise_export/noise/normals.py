"""Noise sources: how a graph comes by its standard normals."""

import onnx_ir as ir

from dynanoise_export.errors import UserError
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise, append_keyed_normals
from dynanoise_export.parameters import NoiseSource

# What a user chooses: a keyed source comes with its key.
Noise = NoiseSource | KeyedNoise

INPUT_NAME = "noise"

# ONNX Runtime, up to 1.31, has no random operators of opset 22, where they were given further types.
NEWEST_RANDOM_OPSET = 21


def source_of(noise: Noise) -> NoiseSource:
    """Tell the source by its name alone."""
    return NoiseSource.KEYED if isinstance(noise, KeyedNoise) else noise


def standard_normals(model: ir.Model, logits: ir.Value, classes: int, noise: Noise) -> ir.Value:
    """Add the source's nodes or input to the graph and return its value: float32 of the logits' shape [n, k]."""
    if isinstance(noise, KeyedNoise):
        return append_keyed_normals(model, logits, noise.tables(classes))
    if noise is NoiseSource.INPUT:
        return _input(model.graph, logits, classes)
    if noise is NoiseSource.RANDOM:
        return _random(model.graph, logits)
    raise ValueError("keyed noise needs its key")


def _random(graph: ir.Graph, logits: ir.Value) -> ir.Value:
    opset = graph.opset_imports.get("", 0)
    if opset > NEWEST_RANDOM_OPSET:
        raise UserError(
            f"The model has opset {opset}, and ONNX Runtime draws no noise beyond opset {NEWEST_RANDOM_OPSET}: "
            f"export it with opset {NEWEST_RANDOM_OPSET} or less, or with --noise input."
        )
    # The node hangs on the live logits, for a draw of a constant is folded away by optimisers; and it has no
    # seed, for a seeded one repeats itself in every session.
    node = ir.node(
        "RandomNormalLike",
        [logits],
        attributes={"dtype": ir.DataType.FLOAT.value},
        name="dynanoise/noise",
    )
    graph.append(node)
    return node.outputs[0]


def _input(graph: ir.Graph, logits: ir.Value, classes: int) -> ir.Value:
    batch = logits.shape[0] if logits.shape is not None else None
    noise = ir.Value(name=INPUT_NAME, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([batch, classes]))
    graph.inputs.append(noise)
    return noise
