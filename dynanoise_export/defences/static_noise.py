"""Static noise: Gaussian noise of the same standard deviation for every query.

It stands beside DynaNoise to show what it buys to make the noise depend on the query. An attacker averages it away
like any fresh noise; an attacker who amplifies his inputs grows the logits, and this noise stays as it is.
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

from dynanoise_export.defences.base import Defence, NoiseLaw, SearchRange, require_between, standard_normals
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset
from dynanoise_export.types import Floats

LARGEST_SIGMA = 1e6
SMALLEST_TEMPERATURE, LARGEST_TEMPERATURE = 1e-3, 1e6


@script(Opset(DOMAIN, VERSION), default_opset=op)
def static_noise_function(logits, noise, classes: int, sigma: float, temperature: float):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    # The noise is added to log p, which differs from z by a constant, because float32 has more digits near 0.
    noisy = op.Add(op.LogSoftmax(z, axis=-1), op.Mul(op.Constant(value_float=sigma), noise))
    return op.Softmax(op.Div(noisy, op.Constant(value_float=temperature)), axis=-1)


@dataclass(frozen=True)
class StaticNoise(Defence):
    """Gaussian noise of one standard deviation on the logits, and a temperature.

    Attributes:
        sigma: σ, the standard deviation of the noise, in logits.
        temperature: T, which smooths the noisy logits; no unit.

    Raises:
        UsageError: a value is out of bounds.
    """

    sigma: float = 1.0
    temperature: float = 1.0

    name = "static-noise"
    function_name = "StaticNoise"

    def __post_init__(self) -> None:
        require_between("sigma", self.sigma, 0, LARGEST_SIGMA, open_low=True)
        require_between("temperature", self.temperature, SMALLEST_TEMPERATURE, LARGEST_TEMPERATURE)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"sigma": SearchRange(0.05, 64, log=True), "temperature": SearchRange(0.5, 20, log=True)}

    @property
    def law(self) -> NoiseLaw:
        """Gaussian noise with standard deviation σ."""
        return NoiseLaw(lambda logits: np.full_like(logits[..., :1], self.sigma), self.temperature, "σ²")

    @property
    def lipschitz(self) -> float:
        """The temperature divides what the logits move by."""
        return 1 / self.temperature

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(static_noise_function, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Add σ times the noise to the logits, divide by T, and take the softmax."""
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        # Relative to the largest, because noise would be lost on a very large number.
        noisy = z - z.max(axis=-1, keepdims=True) + self.sigma * noise
        return np.asarray(softmax(noisy / self.temperature, axis=-1))

    def undo(self, log_probabilities: Floats) -> Floats:
        """Multiply by T, which leaves the noisy logits up to a constant."""
        return log_probabilities * self.temperature

    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        """Draw the mean of noisy logits: their noise is Gaussian, and so is its mean, at σ / √answers."""
        return np.asarray(logits + self.sigma / answers**0.5 * standard_normals(logits, generator))
