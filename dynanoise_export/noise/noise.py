"""What a noise source offers to the graph."""

from typing import Protocol

import onnx_ir as ir

from dynanoise_export.noise.source import NoiseSource


class Noise(Protocol):
    """A noise source, with what the user chose for it."""

    @property
    def source(self) -> NoiseSource:
        """Which source it is."""

    @property
    def input_name(self) -> str | None:
        """The name of the graph input that takes the noise; None if the graph makes its own."""

    def append_to(self, model: ir.Model, logits: ir.Value, classes: int) -> ir.Value:
        """Add the nodes or the input of the source to a model.

        Args:
            model: changed in place.
            logits: float [n, k], a value of the main graph.
            classes: k.

        Returns:
            Standard normals, float32 [n, k].

        Raises:
            UserError: the model can't take this source.
        """
