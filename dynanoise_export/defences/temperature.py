"""Temperature scaling: softmax(z / T) and no noise.

It hides nothing from an attacker who knows T, who divides it out again. It stands here as a baseline, and as an
example of a defence in one module.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset
from scipy.special import softmax

from dynanoise_export.defences.base import Defence, SearchRange, require_between
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset
from dynanoise_export.types import Floats

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

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"temperature": SearchRange(0.5, 100, log=True)}

    @property
    def lipschitz(self) -> float:
        """The temperature divides what the logits move by."""
        return 1 / self.temperature

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(temperature_function, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Divide the logits by T and take the softmax; the noise is ignored."""
        return np.asarray(softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT) / self.temperature, axis=-1))

    def undo(self, log_probabilities: Floats) -> Floats:
        """Multiply by T, which leaves the logits up to a constant."""
        return log_probabilities * self.temperature

    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        """Give the logits: every answer is the same."""
        return logits
