"""How sure a model is of its answer, as Algorithm 1 measures it."""

import math
from typing import TYPE_CHECKING

from dynanoise_export.onnx_functions import LARGEST_LOGIT

if TYPE_CHECKING:  # an ONNX file is exported without PyTorch
    import torch


def sensitivity(logits: "torch.Tensor") -> "torch.Tensor":
    """Compute R(q) = 1 − H(p) / log k, which is 1 where the model is sure and 0 where it is not.

    Args:
        logits: [..., k] in nats, k ≥ 2; infinities count as their limits.

    Returns:
        R(q) in [0, 1], of shape [..., 1]; up to rounding.

    Source: DynaNoise, Algorithm 1, lines 5, 7 and 8.
    """
    log_p = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT).log_softmax(dim=-1)
    entropy = -(log_p.exp() * log_p).sum(dim=-1, keepdim=True)
    return 1 - entropy / math.log(logits.shape[-1])
