"""Temperature scaling: softmax(z / T) and no noise.

It hides nothing from an attacker who knows T, who divides it out again. It stands here as a baseline, and as an
example of a defence in one module.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.base import Defence, require_between
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset

if TYPE_CHECKING:  # an ONNX file is exported without PyTorch
    import torch

SMALLEST_TEMPERATURE, LARGEST_TEMPERATURE = 1e-3, 1e6


@script(Opset(DOMAIN, VERSION), default_opset=op)
def temperature_function(logits, classes: int, temperature: float):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    return op.Softmax(op.Div(z, op.Constant(value_float=temperature)), axis=-1)


@dataclass(frozen=True)
class Temperature(Defence):
    """Softmax with a temperature.

    Attributes:
        temperature: T, which divides the logits; no unit.

    Raises:
        UsageError: T is out of bounds.
    """

    temperature: float = 10.0

    name = "temperature"
    function_name = "Temperature"
    takes_noise = False

    def __post_init__(self) -> None:
        require_between("temperature", self.temperature, SMALLEST_TEMPERATURE, LARGEST_TEMPERATURE)

    @property
    def lipschitz(self) -> float:
        """The temperature divides what the logits move by."""
        return 1 / self.temperature

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(temperature_function, opset, self.function_name)

    def defend(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Divide the logits by T and take the softmax; the noise is ignored."""
        return (logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT) / self.temperature).softmax(dim=-1)

    def undo(self, log_probabilities: "torch.Tensor") -> "torch.Tensor":
        """Multiply by T, which leaves the logits up to a constant."""
        return log_probabilities * self.temperature

    def mean_answer(self, logits: "torch.Tensor", answers: float, generator: "torch.Generator") -> "torch.Tensor":
        """Give the logits: every answer is the same."""
        return logits
