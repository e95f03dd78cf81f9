"""Algorithm 1 of DynaNoise in float64, straight from the paper: the tests compare every implementation with it."""

import numpy as np
from scipy.special import softmax, xlogy


def algorithm_1(logits, noise, sigma0, lambda_, temperature):
    """Defend logits [..., k] with standard normals [..., k] and return probabilities [..., k] in float64.

    An infinite logit counts as the limit of a large one.
    """
    z = np.nan_to_num(np.asarray(logits, np.float64), nan=np.nan, posinf=1e300, neginf=-1e300)
    p = softmax(z, axis=-1)
    entropy = -xlogy(p, p).sum(axis=-1, keepdims=True)
    sensitivity = 1 - entropy / np.log(z.shape[-1])
    sigma = np.sqrt(sigma0**2 * (1 + lambda_ * sensitivity))
    return softmax((z + sigma * np.asarray(noise, np.float64)) / temperature, axis=-1)
