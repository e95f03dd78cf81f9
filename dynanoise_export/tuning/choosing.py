"""Choose settings: a few finalists among the trials, and the one to recommend."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from scipy.stats import norm

from dynanoise_export.intervals import LEVEL, Interval
from dynanoise_export.tuning.search import Trial

T = TypeVar("T")


def finalists(trials: Sequence[Trial], undefended: float, count: int) -> list[Trial]:
    """Choose a few trials, from the safest to the gentlest.

    Each has the smallest negative log-likelihood of all whose risk stays below a limit; the limits are at equal
    distances between the smallest risk and that of the undefended model.

    Args:
        trials: all trials.
        undefended: the risk of the undefended model.
        count: how many to choose, at most; fewer if two limits lead to the same trial.
    """
    best = [trial for trial in trials if trial.best]
    if not best:
        return []
    least = min((trial.figures.risk for trial in best), key=lambda risk: risk.value)
    start = least.value + standard_error(least)
    limits = [start + max(undefended - start, 0) * place / count for place in range(count)]
    found = [
        min((t for t in best if t.figures.risk.value <= limit), key=lambda t: t.figures.negative_log_likelihood)
        for limit in limits
    ]
    return list({repr(trial.setting): trial for trial in found}.values())


def gentlest_of_safest(candidates: Sequence[T], risk: Callable[[T], Interval], price: Callable[[T], float]) -> T:
    """Choose the candidate with the lowest price among those within one standard error of the smallest risk."""
    least = min((risk(one) for one in candidates), key=lambda found: found.value)
    limit = least.value + standard_error(least)
    return min((one for one in candidates if risk(one).value <= limit), key=price)


def standard_error(interval: Interval) -> float:
    """Compute the standard error that the width of an interval stands for."""
    return (interval.high - interval.low) / (2 * float(norm.ppf((1 + LEVEL) / 2)))
