"""Score rows by a reading: the number itself, or how likely it is by shadow models that were asked the same."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import log_expit

from dynanoise_export.attacks.methods import bavaria, lira, rmia
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.plan_readings import PlanReadings
from dynanoise_export.types import Bools, Float64s

# A target's readings [n], those of the shadow models [m, n] and bool [m, n] to a score [n], larger for likely members.
Score = Callable[[Float64s, Float64s, Bools], Float64s]


def _needs_evidence(_: object) -> Float64s:
    raise NotImplementedError("readings are scored by reading_scores")


ITSELF = Attack("reading", "the reading itself", "Choquette-Choo et al. 2021; Li and Zhang 2021", _needs_evidence)


def relative(own: Float64s, shadows: Float64s, trained_on: Bools) -> Float64s:
    """Score by RMIA: readings stand for the log-probabilities of the labels.

    Each reading is brought to a common scale by the median and the spread of the shadow models' readings, and counts as
    the log-odds of the label.
    """
    centre = np.median(shadows)
    spread = np.subtract(*np.quantile(shadows, (0.75, 0.25))) or 1.0
    of_own, of_shadows = (log_expit((values - centre) / spread) for values in (own, shadows))
    ratios = rmia.log_ratios(of_own, of_shadows, trained_on, online=True)
    return rmia.relative(ratios, ratios)


# By the code of the attack that each one carries over to readings.
SCORES: dict[str, Score] = {
    "rmia-online": relative,
    "bavaria-online": partial(bavaria.online, student_t=True),
    "lira-online": partial(lira.online, fixed_variance=False),
    "lira-online-fixed": partial(lira.online, fixed_variance=True),
}


def scores_for(readings: PlanReadings) -> list[tuple[Attack, Score]]:
    """List the ways to score readings: all without shadow models is the reading itself."""
    ways: list[tuple[Attack, Score]] = [(ITSELF, lambda own, shadows, trained_on: own)]
    if readings.shadows is not None:
        ways += [
            (attack, score)
            for code, score in SCORES.items()
            if len(readings.shadows) >= (attack := ATTACKS.get(code)).shadows
        ]
    return ways
