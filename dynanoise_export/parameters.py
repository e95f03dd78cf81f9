"""What a user chooses: the parameters of the defence, where its noise comes from, and what it runs on."""

import math
from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.errors import UserError

# Inside these bounds neither σ(q) nor z̃ / T can leave float32's range for logits of up to 1e30.
LARGEST = 1e6
SMALLEST_TEMPERATURE = 1e-3

# The paper's for CIFAR-10.
DEFAULT_BASE_VARIANCE = 0.3

# How wide the cells are within which queries share their keyed noise; docs/keyed-noise.md says why.
DEFAULT_GRIDS = (0.5,)


# Where a label is kept, all other probabilities are at most this share of the label's: a tie would leave the label to
# whoever breaks it.
BELOW = 1 - 2.0**-20


class NoiseSource(StrEnum):
    """Where the standard normals come from.

    `random`: a random operator of the runtime, on the live logits. `input`: a further input of the graph,
    for a server that draws them from its own generator, and for tests. `keyed`: computed from a secret key and the
    query, so that the same query gets the same noise wherever the file runs.
    """

    RANDOM = "random"
    INPUT = "input"
    KEYED = "keyed"


class Precision(StrEnum):
    """The type that a model computes in; a head always computes in float32."""

    FP32 = "fp32"
    FP16 = "fp16"


class Provider(StrEnum):
    """What ONNX Runtime runs a model on."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


@dataclass(frozen=True)
class Parameters:
    """The parameters of DynaNoise's Algorithm 1; the defaults are the paper's for CIFAR-10.

    Attributes:
        sigma0: σ₀, the base standard deviation of the noise, in logits; the papers give σ₀².
        lambda_: λ, how much the noise grows with the sensitivity R(q); no unit.
        temperature: T, which smooths the noisy logits; no unit.

    Raises:
        UserError: a value is not a number or out of its bounds.
    """

    sigma0: float = math.sqrt(DEFAULT_BASE_VARIANCE)
    lambda_: float = 2.0
    temperature: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma0 <= LARGEST:
            raise UserError(
                f"sigma0 must be above 0 and at most {LARGEST:g}, not {self.sigma0:g}: "
                "it is the standard deviation of the noise, and without noise there is no defence."
            )
        if not 0 <= self.lambda_ <= LARGEST:
            raise UserError(f"lambda must be between 0 and {LARGEST:g}, not {self.lambda_:g}.")
        if not SMALLEST_TEMPERATURE <= self.temperature <= LARGEST:
            raise UserError(
                f"temperature must be between {SMALLEST_TEMPERATURE:g} and {LARGEST:g}, not {self.temperature:g}."
            )

    @classmethod
    def from_base_variance(cls, base_variance: float, lambda_: float, temperature: float) -> "Parameters":
        """Make parameters from σ₀², which is what the papers call the base variance.

        Raises:
            UserError: a value is not a number or out of its bounds.
        """
        if not 0 < base_variance <= LARGEST**2:
            raise UserError(f"base variance must be above 0 and at most {LARGEST**2:g}, not {base_variance:g}.")
        return cls(math.sqrt(base_variance), lambda_, temperature)
