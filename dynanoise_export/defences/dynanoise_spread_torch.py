"""DynaNoise with noise that grows with the spread of the logits, in PyTorch, with gradients."""

import torch

from dynanoise_export.defences.dynanoise_spread import MOST_SPREAD, DynaNoiseSpread
from dynanoise_export.defences.dynanoise_torch import noise_scale
from dynanoise_export.onnx_functions import LARGEST_LOGIT


def defend(logits: torch.Tensor, noise: torch.Tensor, defence: DynaNoiseSpread) -> torch.Tensor:
    """Answer queries as a model behind this defence does; see `DynaNoiseSpread`."""
    z = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    wider = (spread(z) / defence.usual_spread).clamp(1, MOST_SPREAD)
    noisy = z + noise_scale(z, defence.sigma0, defence.lambda_) * wider * noise
    return torch.softmax(noisy / defence.temperature, dim=-1)


def spread(logits: torch.Tensor) -> torch.Tensor:
    """Compute the spread of finite logits [..., k]; see `dynanoise_spread.spread`."""
    live = (logits > -LARGEST_LOGIT).to(logits.dtype)
    z = logits - logits.amax(dim=-1, keepdim=True)
    count = live.sum(dim=-1, keepdim=True).clamp(min=1)
    mean = (live * z).sum(dim=-1, keepdim=True) / count
    apart: torch.Tensor = (live * (z - mean).abs()).sum(dim=-1, keepdim=True) / count
    return apart
