"""Noise from a random operator of the runtime: what the papers describe.

The operator is the body of the ONNX function `ai.dynanoise::RandomNormals`, in whose place a runtime can have a kernel
of its own.
"""

from dataclasses import dataclass

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
import onnx
import onnx_ir as ir
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.errors import NoiseError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset

# ONNX Runtime, up to 1.31, implements no random operator of opset 22, which added types to them.
NEWEST_OPSET = 21

NAME = "RandomNormals"


@script(Opset(DOMAIN, VERSION), default_opset=op)
def RandomNormals(logits):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    # The operator depends on the live logits, because optimisers fold a draw of a constant. It has no seed, because a
    # seeded operator repeats its noise in every session.
    return op.RandomNormalLike(logits, dtype=onnx.TensorProto.FLOAT)


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
        function = of_opset(RandomNormals, opset)
        model.functions[function.identifier()] = function
        node = ir.node(NAME, [logits], domain=DOMAIN, name="dynanoise/noise")
        model.graph.append(node)
        return node.outputs[0]
