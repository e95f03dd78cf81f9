"""How often to ask, so that an audit sees what it is there for."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtr

from dynanoise_export.parameters import Parameters
from dynanoise_export.validation.exact import correlation_limit, variance_limits
from dynanoise_export.validation.findings import BLUNT
from dynanoise_export.validation.noise_audit import BUDGET
from dynanoise_export.validation.recovery import Floats, noise_scale, recoverable

# An audit makes no more checks than this.
CHECKS = 20
# The scale of the noise may be off by this share, and the chance that an audit then misses it.
SCALE_ERROR = 0.03
MISSED = 1e-3


def contrasts_needed(scale_error: float = SCALE_ERROR, missed: float = MISSED) -> int:
    """Tell how many contrasts the variance takes to betray noise whose scale is off.

    Args:
        scale_error: the noise is 1 − this or 1 + this times what it must be.
        missed: the chance that the check passes nevertheless.
    """

    def chance_too_high(log_draws: float) -> float:
        draws = np.exp(log_draws)
        low, high = variance_limits(draws, BUDGET / CHECKS)
        quiet = 1 - chdtr(draws, draws * (1 - low) / (1 - scale_error) ** 2)
        loud = chdtr(draws, draws * (1 + high) / (1 + scale_error) ** 2)
        return float(max(quiet, loud)) - missed

    return math.ceil(math.exp(brentq(chance_too_high, math.log(10), math.log(1e12))))


def calls_needed(logits: Floats, parameters: Parameters) -> int:
    """Tell how many calls with these queries an audit needs, the one in another order included.

    Args:
        logits: [n, k], the queries' undefended logits.
        parameters: σ₀, λ and T.

    Returns:
        At least 3; what an audit can do with so many where any noise can be recovered at all.
    """
    z, sigma = noise_scale(logits, parameters)
    usable = recoverable(z, sigma, parameters.temperature).sum(axis=1)
    contrasts = int(np.maximum(usable - 1, 0).sum())
    if not contrasts:
        return 3
    return max(3, math.ceil(contrasts_needed() / contrasts), math.ceil(_rows_needed(logits.shape[1]) / len(logits)))


def _rows_needed(classes: int) -> int:
    """Tell how many answers it takes to judge each of so many classes, and each two of them."""
    rows = np.arange(2, 1000)
    rate = BUDGET / CHECKS
    correlations = correlation_limit(rows, rate / max(math.comb(classes - 1, 2), 1))
    _, variances = variance_limits(rows.astype(np.float64), rate / (classes - 1))
    return int(np.argmax((correlations <= BLUNT) & (variances <= BLUNT))) + 2
