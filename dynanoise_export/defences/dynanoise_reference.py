"""Algorithm 1 in PyTorch: what an exported graph is judged by.

It follows the paper line by line and folds nothing, so that the ONNX function, which is folded, has
something to differ from.
"""

import math

import torch

from dynanoise_export.parameters import BELOW, Parameters

# An infinite logit stands for the limit of a large one: beyond this bound, softmax is 0 or 1 in any float type.
LARGEST_LOGIT = 1e30


def sensitivity(logits: torch.Tensor) -> torch.Tensor:
    """Compute R(q) = 1 − H(p) / log k, which is 1 where the model is sure and 0 where it is not.

    Args:
        logits: [..., k] in nats, k ≥ 2; infinities count as their limits.

    Returns:
        R(q) in [0, 1], of shape [..., 1]; up to rounding.

    Source: DynaNoise, Algorithm 1, lines 5, 7 and 8.
    """
    log_p = torch.log_softmax(logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT), dim=-1)
    entropy = -(log_p.exp() * log_p).sum(dim=-1, keepdim=True)
    return 1 - entropy / math.log(logits.shape[-1])


def noise_scale(logits: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    """Compute σ(q) = √(σ₀²(1 + λR(q))), the standard deviation of the noise on each logit of a query.

    Args:
        logits: [..., k] in nats.
        parameters: σ₀ and λ.

    Returns:
        σ(q) in logits, of shape [..., 1].

    Source: DynaNoise, Algorithm 1, line 10.
    """
    variance = parameters.sigma0**2 * (1 + parameters.lambda_ * sensitivity(logits))
    return variance.sqrt()


def defend(logits: torch.Tensor, noise: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    """Answer queries as a model defended with DynaNoise does.

    Args:
        logits: [..., k] in nats, float32 or float64, k ≥ 2; infinities count as their limits, and NaN stays.
        noise: [..., k] standard normals.
        parameters: σ₀, λ and T.

    Returns:
        Probabilities [..., k] in the type of the logits; each row sums to 1.

    Source: DynaNoise, Algorithm 1.
    """
    noisy = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT) + noise_scale(logits, parameters) * noise
    return torch.softmax(noisy / parameters.temperature, dim=-1)


def keep_label(probabilities: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Give the largest probability back to a label.

    Args:
        probabilities: [n, k], of a defended answer.
        label: int64 [n, 1], the undefended model's: the first of the largest logits.

    Returns:
        The probabilities with the largest at the label, strictly.
    """
    largest = probabilities.amax(dim=1, keepdim=True)
    others = swapped(probabilities, label).minimum(largest * BELOW)
    return others.scatter(1, label, largest)


def swapped(scores: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Swap the largest of the scores [n, k] with that at the label [n, 1]."""
    noisy_label = scores.argmax(dim=1, keepdim=True)
    largest = scores.gather(1, noisy_label)
    return scores.scatter(1, noisy_label, scores.gather(1, label)).scatter(1, label, largest)
