"""Algorithm 1 in NumPy: the reference that an exported graph is compared with.

It follows the paper line by line and folds nothing, so that it is independent of the ONNX function, which is folded.
`dynanoise_torch` is the same in PyTorch; the tests hold each against the other.
"""

import numpy as np
from scipy.special import softmax

from dynanoise_export.defences.sensitivity import sensitivity
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Floats


@np.errstate(over="ignore", invalid="ignore")  # NaN in one row
def noise_scale(logits: Floats, sigma0: float, lambda_: float) -> Floats:
    """Compute σ(q) = √(σ₀²(1 + λR(q))), the standard deviation of the noise on each logit of a query.

    Args:
        logits: [..., k] in nats.
        sigma0: σ₀, in logits.
        lambda_: λ.

    Returns:
        σ(q) in logits, of shape [..., 1].

    Source: DynaNoise, Algorithm 1, line 10.
    """
    variance = sigma0**2 * (1 + lambda_ * sensitivity(logits))
    return np.asarray(np.sqrt(variance))


@np.errstate(over="ignore", invalid="ignore")
def defend(logits: Floats, noise: Floats, sigma0: float, lambda_: float, temperature: float) -> Floats:
    """Answer queries as a model defended with DynaNoise does.

    Args:
        logits: [..., k] in nats, float32 or float64, k ≥ 2; infinities count as their limits, and NaN stays.
        noise: [..., k] standard normals.
        sigma0: σ₀, in logits.
        lambda_: λ.
        temperature: T.

    Returns:
        Probabilities [..., k] in the type of the logits; each row sums to 1.

    Source: DynaNoise, Algorithm 1.
    """
    z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
    # Relative to the largest, which the softmax does not see: noise would be lost on a very large number.
    noisy = z - z.max(axis=-1, keepdims=True) + noise_scale(logits, sigma0, lambda_) * noise
    return np.asarray(softmax(noisy / temperature, axis=-1))
