"""Is recovered noise standard normal, class by class: one function for each check.

Each takes the recovered noise and `rate`, the chance that the check fails on correct noise.
"""

import numpy as np
from scipy.stats import binom, kstest, kstwo, norm

from dynanoise_export.validation.check import Check, CheckCode, judge, not_run
from dynanoise_export.validation.exact import mean_limit
from dynanoise_export.validation.findings import TOO_LITTLE_NOISE, Finding, sentence, verdict, worst
from dynanoise_export.validation.recovery import RecoveredNoise

# The distances at which noise is counted, in σ.
DISTANCES = np.array([0.25, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6])
SIDES = ("below -", "above ", "beyond ±")
UNRECOVERABLE = "at this temperature float32 can't give back the noise of any class of any query"


def recovered(noise: RecoveredNoise, rate: float) -> Check:
    """Check that answers are positive wherever the logits imply that correct noise leaves them well above 0.

    Correct noise fails it far less often than any rate in use: see `recovery.FARTHEST_APART`.
    """
    code = CheckCode.NOISE_RECOVERED
    if noise.usable == 0:
        return not_run(code, UNRECOVERABLE)
    found = (
        f"the answers give back the noise of {noise.usable:.1%} of the classes; "
        f"{noise.wrong:,} of these answers are zero, negative or NaN"
    )
    return judge(code, noise.wrong, 0, sentence(found, rate))


def mean(noise: RecoveredNoise, rate: float) -> Check:
    """Check that the mean of each class's contrasts is 0; the limits are the normal law's."""
    draws = noise.used.sum(axis=0) * len(noise.contrasts)
    classes = np.flatnonzero(draws)
    means = noise.contrasts.sum(axis=(0, 1))[classes] / draws[classes]
    limits = mean_limit(draws[classes], rate / max(classes.size, 1)) + noise.resolution
    finding = worst(means, limits)

    def say(found: Finding) -> str:
        return (
            f"the noise of class {classes[found.part]} has the worst mean, {means[found.part]:+.3g} standard deviations"
        )

    return verdict(CheckCode.NOISE_MEAN, finding, say, rate)


def against_logits(noise: RecoveredNoise, rate: float) -> Check:
    """Check that no share of the logits is left in the noise; the limit is the normal law's.

    With T′ in place of T, T · log p̂ − z = (T / T′ − 1) · z + (T / T′) · η.
    """
    code = CheckCode.NOISE_AGAINST_LOGITS
    weights = noise.logit_contrasts[noise.used]
    energy = float(np.square(weights).sum()) * len(noise.contrasts)
    if not weights.size:
        return not_run(code, TOO_LITTLE_NOISE)
    if energy == 0:
        found = "the logits of each query are equal, so the noise holds no share of them"
        return judge(code, 0, 0, sentence(found, rate))
    share = float((noise.contrasts[:, noise.used] * weights).sum()) / energy
    rounding = noise.resolution * float(np.abs(weights).sum()) * len(noise.contrasts) / energy
    limit = float(mean_limit(energy, rate)) + rounding
    return judge(code, abs(share), limit, sentence(f"{share:+.3%} of the logits are left in the noise", rate))


def distribution(noise: RecoveredNoise, rate: float) -> Check:
    """Check that all contrasts together are standard normal; the limit is Kolmogorov and Smirnov's exact one."""
    draws = noise.draws
    finding = worst(kstest(draws, norm.cdf).statistic, kstwo.isf(rate, draws.size)) if draws.size else None

    def say(found: Finding) -> str:
        return f"the distribution of {draws.size:,} contrasts is {found.value:.4f} away from the normal one"

    return verdict(CheckCode.NOISE_DISTRIBUTION, finding, say, rate)


def tails(noise: RecoveredNoise, rate: float) -> Check:
    """Check the share of contrasts beyond each of `DISTANCES`, on each side and on both; the limits are binomial.

    Noise of the right variance and the wrong shape (uniform, Laplace) shows here first.
    """
    draws = noise.draws
    beyond = [(draws < -DISTANCES[:, None]).sum(axis=1), (draws > DISTANCES[:, None]).sum(axis=1)]
    counts = np.array([*beyond, sum(beyond)])
    chances = norm.sf(DISTANCES) * np.array([[1], [1], [2]])
    # Counts are whole numbers, so half a count beyond the last that passes is a limit too, and never 0.
    each = rate / counts.size / 2
    expected = draws.size * chances
    most, least = binom.isf(each, draws.size, chances), binom.ppf(each, draws.size, chances)
    limits = np.where(counts > expected, most - expected, expected - least) + 0.5
    finding = worst((counts - expected) / draws.size, limits / draws.size) if draws.size else None

    def say(found: Finding) -> str:
        side, distance = np.unravel_index(found.part, counts.shape)
        return (
            f"{counts[side, distance]:,} of {draws.size:,} contrasts are {SIDES[side]}{DISTANCES[distance]:g} standard "
            f"deviations, {expected[side, distance]:,.1f} are expected; this is the worst count"
        )

    return verdict(CheckCode.NOISE_TAILS, finding, say, rate)
