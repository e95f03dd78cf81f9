"""RMIA: how many other rows' probability is raised less, against reference models, than the query's."""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from dynanoise_export.attacks.evidence import Bools, Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores, shadows_of

Floats = npt.NDArray[np.float64]

SOURCE = "Zarifzadeh et al. 2024"
# How much of the way from a model that has not learnt a query to certainty a model goes that has: their a for images.
OFFLINE_A = 0.3


def relative(log_ratios: Floats, population: Floats, gamma: float = 1.0) -> Scores:
    """Give each query the share of the population whose ratio it exceeds by the factor γ.

    Args:
        log_ratios: [n], log(p(x | target) / p(x)) of each query.
        population: [z], the same of the population's rows.
        gamma: γ; with one population for all queries it changes the scale of the scores and hardly their order.

    Source: Zarifzadeh et al. 2024, equation 4; the pairs are counted by sorting, so no matrix [n, z] is made.
    """
    places = np.searchsorted(np.sort(population), log_ratios - np.log(gamma), side="right")
    return np.asarray(places / len(population))


def log_ratios(label: Floats, shadows: Floats, kept: Bools, *, online: bool) -> Floats:
    """Give log(p(x | target) / p(x)) of each query.

    Args:
        label: [n], the target's log-probabilities of the labels.
        shadows: [m, n], those of the reference models.
        kept: bool [m, n], which of them have learnt the query.
        online: look at those that have as well; their mean counts as much as that of the others. Otherwise it is
            guessed from the others.

    Source: Zarifzadeh et al. 2024, sections 3 and B.2.2.
    """
    outside = _log_mean(shadows, ~kept)
    guessed = np.log(OFFLINE_A * np.exp(outside) + (1 - OFFLINE_A))
    inside = _log_mean(shadows, kept) if online else guessed
    return np.asarray(label - (np.logaddexp(inside, outside) - np.log(2)))


def _log_mean(log_p: Floats, models: Bools) -> Floats:
    # The probability of a label that all models think impossible is 0 in any type of number; its logarithm is none.
    return np.asarray(logsumexp(log_p, axis=0, b=models) - np.log(models.sum(axis=0)))


def _score(evidence: Evidence, online: bool) -> Scores:
    shadows = shadows_of(evidence)
    ratios = log_ratios(evidence.signals.label, shadows.signals.label, shadows.kept, online=online)
    return relative(ratios, ratios)


ONLINE = Attack("RMIA, online", SOURCE, lambda evidence: _score(evidence, online=True), shadows=4)
OFFLINE = Attack("RMIA, offline", SOURCE, lambda evidence: _score(evidence, online=False), shadows=4)
