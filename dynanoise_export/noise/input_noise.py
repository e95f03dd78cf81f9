"""Noise that a server sends with each query, as another input of the graph."""

from dataclasses import dataclass

import onnx_ir as ir

from dynanoise_export.noise.source import NoiseSource

INPUT_NAME = "noise"


@dataclass(frozen=True)
class InputNoise:
    """Drawn by the server from its own generator."""

    source = NoiseSource.INPUT
    input_name = INPUT_NAME

    def append_to(self, model: ir.Model, logits: ir.Value, classes: int) -> ir.Value:
        """Add the input; see `Noise.append_to`."""
        batch = logits.shape[0] if logits.shape is not None else None
        noise = ir.Value(name=INPUT_NAME, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([batch, classes]))
        model.graph.inputs.append(noise)
        return noise
