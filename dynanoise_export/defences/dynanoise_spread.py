"""DynaNoise whose noise grows with the spread of the logits, against attackers who amplify their inputs.

A network of ReLUs answers s times the input with nearly s times the logits, and the noise of DynaNoise is bounded by
σ₀√(1 + λ): an attacker who chooses s large enough sees the logits without noise. Here the noise of a query is that of
DynaNoise times how much wider than usual its logits are spread, so that amplifying logits amplifies the noise too.

The spread is the mean distance of the logits from their mean: it grows in proportion to the logits, no constant on all
logits changes it, and it needs no squares, which overflow float32 if logits are large. Below the usual spread the noise
is DynaNoise's, and no less, so that σ₀ keeps its meaning and small inputs gain nothing either.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
from scipy.special import softmax

from dynanoise_export.defences import dynanoise_reference as reference
from dynanoise_export.defences.base import NoiseLaw, SearchRange, require_between
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Floats

if TYPE_CHECKING:  # an optional package
    import torch

# So many times the usual spread is the most that counts: float32 holds the noise of no more.
MOST_SPREAD = 1e20
SMALLEST_SPREAD, LARGEST_SPREAD = 1e-3, 1e6
# No standard normal that float32 draws is farther from 0 than about this.
LARGEST_NORMAL = 6.0


@dataclass(frozen=True)
class DynaNoiseSpread(DynaNoise):
    """DynaNoise times max(1, spread of the logits / usual spread).

    Attributes:
        sigma0: σ₀, as in DynaNoise.
        lambda_: λ, as in DynaNoise.
        temperature: T, as in DynaNoise.
        usual_spread: the mean distance of a row's logits from their mean, up to which the noise is DynaNoise's; in
            logits. The noise grows for all rows if it is smaller than that of ordinary rows.

    Raises:
        UsageError: a value is out of bounds.
    """

    usual_spread: float = 5.0

    name = "dynanoise-spread"
    function_name = "DynaNoiseSpread"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_between("usual_spread", self.usual_spread, SMALLEST_SPREAD, LARGEST_SPREAD)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return super().search_ranges(classes) | {"usual_spread": SearchRange(0.5, 20, log=True)}

    @property
    def law(self) -> NoiseLaw:
        """Gaussian noise with DynaNoise's standard deviation times the spread."""
        return NoiseLaw(self._scale, self.temperature, "σ₀²(1 + λR) · max(1, spread / usual spread)²")

    @property
    def lipschitz(self) -> float:
        """The noise moves with the spread, by up to twice what the logits move by, and the temperature divides both."""
        growth = 2 * self.sigma0 * math.sqrt(1 + self.lambda_) / self.usual_spread
        return (1 + LARGEST_NORMAL * growth) / self.temperature

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        from dynanoise_export.defences import dynanoise_spread_onnx

        return dynanoise_spread_onnx.function(opset)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Add noise of this scale to the logits, divide by T, and take the softmax."""
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        # Relative to the largest, because noise would be lost on a very large number.
        noisy = z - z.max(axis=-1, keepdims=True) + self._scale(logits) * noise
        return np.asarray(softmax(noisy / self.temperature, axis=-1))

    def defend_tensors(self, logits: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Answer likewise in PyTorch, with gradients; see `DynaNoise.defend_tensors`."""
        from dynanoise_export.defences import dynanoise_spread_torch

        return dynanoise_spread_torch.defend(logits, noise, self)

    def _scale(self, logits: Floats) -> Floats:
        wider = np.clip(spread(logits) / self.usual_spread, 1, MOST_SPREAD)
        return np.asarray(reference.noise_scale(logits, self.sigma0, self.lambda_) * wider)


def spread(logits: Floats) -> Floats:
    """Compute the mean distance of logits from their mean, without masked classes.

    Args:
        logits: [..., k] in nats; a class at minus infinity is masked, and plus infinity counts as its limit.

    Returns:
        In logits, of shape [..., 1]; 0 if all classes are masked.
    """
    z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
    live = z > -LARGEST_LOGIT
    z = z - z.max(axis=-1, keepdims=True)  # large equal logits have no spread, whatever their mean is rounded to
    count = np.maximum(live.sum(axis=-1, keepdims=True), 1)
    mean = np.where(live, z, 0).sum(axis=-1, keepdims=True) / count
    return np.asarray(np.where(live, np.abs(z - mean), 0).sum(axis=-1, keepdims=True) / count)
