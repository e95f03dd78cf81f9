"""How many calls an audit needs to detect the deviations that it must detect."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtr

from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.types import Bools, Floats
from dynanoise_export.validation.exact import correlation_limit, variance_limits
from dynanoise_export.validation.findings import BLUNT
from dynanoise_export.validation.noise_audit import BUDGET
from dynanoise_export.validation.recovery import helmert_contrasts, noise_scale, recoverable

# An audit runs at most this many checks.
CHECKS = 20
# The share by which the scale of the noise may be off, and the chance that an audit then misses it.
SCALE_ERROR = 0.03
MISSED = 1e-3
# A check of halves, quarters, … of the answers, and of each position in a batch, has at most so many groups.
MOST_GROUPS = 300


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
    used = _recovered(logits, law)
    together = _recovered_together(used)
    if not together:
        return 3
    answers = _answers_needed(used.shape[1]) / together
    return max(3, math.ceil(contrasts_needed() / int(used.sum())), math.ceil(answers))


def rows_needed(logits: Floats, law: NoiseLaw) -> int | None:
    """Compute how many queries like these an audit of one call needs, of which no two share their noise.

    Args:
        logits: [n, k], the queries' undefended logits.
        law: of the noise.

    Returns:
        The number; None if the noise of no two classes can be recovered from any answer.
    """
    together = _recovered_together(_recovered(logits, law))
    return math.ceil(_answers_needed(logits.shape[1]) * len(logits) / together) if together else None


def _recovered(logits: Floats, law: NoiseLaw) -> Bools:
    """Decide for each query, [n, k], which contrasts its answers give back."""
    z, sigma = noise_scale(logits, law)
    return helmert_contrasts(z, recoverable(z, sigma, law.temperature))[1]


def _recovered_together(used: Bools) -> int:
    """Count the queries that give back the two contrasts that most queries give back, or the one of two classes."""
    together = used.T.astype(np.float64) @ used
    if used.shape[1] > 2:
        np.fill_diagonal(together, 0)
    return int(together.max())


def _answers_needed(classes: int) -> int:
    """Compute how many answers it takes to judge the noise of each class, of each pair, and of half of the answers."""
    answers = np.arange(2.0, 2000.0)
    rate = BUDGET / CHECKS
    correlations = correlation_limit(answers, rate / max(math.comb(classes - 1, 2), 1))
    _, variances = variance_limits(answers, rate / (classes - 1))
    _, halves = variance_limits((answers // 2) * (classes - 1), rate / MOST_GROUPS)
    return int(np.argmax((correlations <= BLUNT) & (variances <= BLUNT) & (halves <= BLUNT))) + 2
