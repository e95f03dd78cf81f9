"""How sure a model is of its answer, as Algorithm 1 measures it."""

import math

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Floats


def sensitivity(logits: Floats) -> Floats:
    """Compute R(q) = 1 − H(p) / log k, which is 1 where the model is sure and 0 where it is not.

    Args:
        logits: [..., k] in nats, k ≥ 2; infinities count as their limits.

    Returns:
        R(q) in [0, 1], of shape [..., 1]; up to rounding.

    Source: DynaNoise, Algorithm 1, lines 5, 7 and 8.
    """
    log_p = log_softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), axis=-1)
    entropy = -(np.exp(log_p) * log_p).sum(axis=-1, keepdims=True)
    return np.asarray(1 - entropy / math.log(logits.shape[-1]))
