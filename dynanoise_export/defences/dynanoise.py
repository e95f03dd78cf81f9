"""DynaNoise: Gaussian noise on the logits, more where the model is sure, and a temperature.

Source: Forough and Haddadi, "Dynamic Probabilistic Noise Injection for Membership Inference Defense", Algorithm 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import onnx_ir as ir

from dynanoise_export.defences import dynanoise_reference as reference
from dynanoise_export.defences.base import (
    Defence,
    NoiseLaw,
    SearchRange,
    require_between,
    require_number,
    standard_normals,
)
from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Floats

if TYPE_CHECKING:  # an optional package
    import torch

# The paper's for CIFAR-10; it gives σ₀².
DEFAULT_BASE_VARIANCE, DEFAULT_LAMBDA, DEFAULT_TEMPERATURE = 0.3, 2.0, 10.0

# Inside these bounds neither σ(q) nor z̃ / T can leave float32's range for logits of up to 1e30.
LARGEST = 1e6
SMALLEST_TEMPERATURE = 1e-3


@dataclass(frozen=True)
class DynaNoise(Defence):
    """The defence that this project is named after. The defaults are the paper's for CIFAR-10.

    Attributes:
        sigma0: σ₀, the base standard deviation of the noise, in logits; the papers give σ₀², the base variance.
        lambda_: λ, how much the noise grows with the sensitivity R(q); no unit.
        temperature: T, which smooths the noisy logits; no unit.

    Raises:
        UsageError: a value is out of bounds.
    """

    sigma0: float = math.sqrt(DEFAULT_BASE_VARIANCE)
    lambda_: float = DEFAULT_LAMBDA
    temperature: float = DEFAULT_TEMPERATURE

    name = "dynanoise"
    function_name = "DynaNoise"

    def __post_init__(self) -> None:
        if self.sigma0 == 0:
            raise UsageError(
                "sigma0 must be above 0: it is the standard deviation of the noise, and without noise nothing is "
                "defended."
            )
        require_between("sigma0", self.sigma0, 0, LARGEST, open_low=True)
        require_between("lambda", self.lambda_, 0, LARGEST)
        require_between("temperature", self.temperature, SMALLEST_TEMPERATURE, LARGEST)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {
            "sigma0": SearchRange(0.05, 64, log=True),
            "lambda": SearchRange(0, 10),
            "temperature": SearchRange(0.5, 20, log=True),
        }

    @classmethod
    def from_parameters(cls, values: Mapping[str, object], tensors: Mapping[str, FixedTensor] | None = None) -> Self:
        """Make the defence from parameters by name; `base_variance` may stand for `sigma0`.

        Raises:
            UsageError: as `Defence.from_parameters`, or both forms of σ₀ are given.
        """
        given = dict(values)
        variance = given.pop("base_variance", None)
        if variance is None:
            return super().from_parameters(given, tensors)
        if "sigma0" in given:
            raise UsageError("sigma0 and base_variance set the same thing (σ₀ and its square): give one of them.")
        variance = require_number("base_variance", variance)
        require_between("base_variance", variance, 0, LARGEST**2, open_low=True)
        return super().from_parameters(given | {"sigma0": math.sqrt(variance)}, tensors)

    @property
    def law(self) -> NoiseLaw:
        """Gaussian noise with standard deviation σ(q)."""
        return NoiseLaw(
            lambda logits: reference.noise_scale(logits, self.sigma0, self.lambda_), self.temperature, "σ₀²(1 + λR)"
        )

    @property
    def lipschitz(self) -> float:
        """The temperature divides what the logits move by."""
        return 1 / self.temperature

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        from dynanoise_export.defences import dynanoise_onnx

        return dynanoise_onnx.function(opset, self.lambda_)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Answer by Algorithm 1 in NumPy."""
        return reference.defend(logits, noise, self.sigma0, self.lambda_, self.temperature)

    def defend_tensors(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Answer by Algorithm 1 in PyTorch, with gradients: for training, and for models that stay in PyTorch.

        Args:
            logits: [..., k] in nats.
            noise: [..., k] standard normals.

        Returns:
            Probabilities [..., k].
        """
        from dynanoise_export.defences import dynanoise_torch

        return dynanoise_torch.defend(logits, noise, self.sigma0, self.lambda_, self.temperature)

    def undo(self, log_probabilities: Floats) -> Floats:
        """Multiply by T, which leaves the noisy logits up to a constant."""
        return log_probabilities * self.temperature

    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        """Draw the mean of noisy logits: their noise is Gaussian, and so is its mean, at σ(q) / √answers."""
        scale = self.law.scale(logits) / answers**0.5
        return np.asarray(logits + scale * standard_normals(logits, generator))
