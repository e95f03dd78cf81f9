"""Algorithm 1 in PyTorch, with gradients: for training against the defence, and to check the one in NumPy."""

import math

import torch

from dynanoise_export.onnx_functions import LARGEST_LOGIT


def noise_scale(logits: torch.Tensor, sigma0: float, lambda_: float) -> torch.Tensor:
    """Compute σ(q); see `dynanoise_reference.noise_scale`."""
    p = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT).softmax(dim=-1)
    entropy = torch.special.entr(p).sum(dim=-1, keepdim=True)
    sensitivity = 1 - entropy / math.log(logits.shape[-1])
    scale: torch.Tensor = (sigma0**2 * (1 + lambda_ * sensitivity)).sqrt()
    return scale


def defend(
    logits: torch.Tensor, noise: torch.Tensor, sigma0: float, lambda_: float, temperature: float
) -> torch.Tensor:
    """Answer queries as a model defended with DynaNoise does; see `dynanoise_reference.defend`."""
    noisy = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT) + noise_scale(logits, sigma0, lambda_) * noise
    return torch.softmax(noisy / temperature, dim=-1)
