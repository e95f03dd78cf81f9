"""How many calls an audit needs to detect the deviations that it must detect."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtr

from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.types import Floats
from dynanoise_export.validation.exact import correlation_limit, variance_limits
from dynanoise_export.validation.findings import BLUNT
from dynanoise_export.validation.noise_audit import BUDGET
from dynanoise_export.validation.recovery import helmert_contrasts, noise_scale, recoverable

# An audit runs at most this many checks.
CHECKS = 20
# The share by which the scale of the noise may be off, and the chance that an audit then misses it.
SCALE_ERROR = 0.03
MISSED = 1e-3


def contrasts_needed(scale_error: float = SCALE_ERROR, missed: float = MISSED) -> int:
    """Compute how many contrasts the check of the variance needs to detect a wrong scale.

    Args:
        scale_error: the noise is 1 − this or 1 + this times its correct size.
        missed: the chance that the check passes nevertheless.
    """

    def chance_too_high(log_draws: float) -> float:
        draws = np.exp(log_draws)
        low, high = variance_limits(draws, BUDGET / CHECKS)
        quiet = 1 - chdtr(draws, draws * (1 - low) / (1 - scale_error) ** 2)
        loud = chdtr(draws, draws * (1 + high) / (1 + scale_error) ** 2)
        return float(max(quiet, loud)) - missed

    return math.ceil(math.exp(brentq(chance_too_high, math.log(10), math.log(1e12))))


def calls_needed(logits: Floats, law: NoiseLaw) -> int:
    """Compute how many calls with these queries an audit needs, including the call in another order.

    Args:
        logits: [n, k], the queries' undefended logits.
        law: of the noise.

    Returns:
        At least 3; exactly 3 if the noise of no two classes can be recovered.
    """
    z, sigma = noise_scale(logits, law)
    usable = recoverable(z, sigma, law.temperature)
    _, used = helmert_contrasts(z, usable)
    together = used.T.astype(np.float64) @ used
    if used.shape[1] > 2:
        np.fill_diagonal(together, 0)
    if not together.any():
        return 3
    answers = _answers_needed(used.shape[1]) / float(together.max())
    return max(3, math.ceil(contrasts_needed() / int(used.sum())), math.ceil(answers))


def _answers_needed(classes: int) -> int:
    """Compute how many answers it takes to judge the noise of each of k classes, and of each pair of them."""
    answers = np.arange(2, 1000)
    rate = BUDGET / CHECKS
    correlations = correlation_limit(answers, rate / max(math.comb(classes - 1, 2), 1))
    _, variances = variance_limits(answers.astype(np.float64), rate / (classes - 1))
    return int(np.argmax((correlations <= BLUNT) & (variances <= BLUNT))) + 2
