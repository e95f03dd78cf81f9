"""Noise from a random operator of the runtime: what the papers describe."""

from dataclasses import dataclass

import onnx_ir as ir

from dynanoise_export.errors import NoiseError
from dynanoise_export.noise.source import NoiseSource

# ONNX Runtime, up to 1.31, implements no random operator of opset 22, which added types to them.
NEWEST_OPSET = 21


@dataclass(frozen=True)
class RandomNoise:
    """Drawn by the runtime for each call."""

    source = NoiseSource.RANDOM
    input_name = None

    def append_to(self, model: ir.Model, logits: ir.Value, classes: int) -> ir.Value:
        """Add the random operator; see `Noise.append_to`."""
        opset = model.graph.opset_imports.get("", 0)
        if opset > NEWEST_OPSET:
            raise NoiseError(
                f"The model has opset {opset}, and ONNX Runtime draws no noise beyond opset {NEWEST_OPSET}: "
                f"export it with opset {NEWEST_OPSET} or less, or choose --noise keyed or --noise input."
            )
        # The operator depends on the live logits, because optimisers fold a draw of a constant. It has no seed,
        # because a seeded operator repeats its noise in every session.
        node = ir.node(
            "RandomNormalLike", [logits], attributes={"dtype": ir.DataType.FLOAT.value}, name="dynanoise/noise"
        )
        model.graph.append(node)
        return node.outputs[0]
