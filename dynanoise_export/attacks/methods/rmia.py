"""RMIA: for how many other rows the target raises the probability, against reference models, less than for the row."""

import numpy as np
from scipy.special import logsumexp

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.types import Bools, Float64s

SOURCE = "Zarifzadeh et al. 2024"
# The paper's a for images: with it, the probability by a model trained on a row is guessed from the other models'.
OFFLINE_A = 0.3


def relative(log_ratios: Float64s, population: Float64s, gamma: float = 1.0) -> Float64s:
    """Compute the share of the population whose ratio each row exceeds by the factor γ.

    Args:
        log_ratios: [n], log(p(x | target) / p(x)) of each row.
        population: [z], the same of the population's rows.
        gamma: γ; with one population for all rows it changes the scale of the scores and hardly their order.

    Source: Zarifzadeh et al. 2024, equation 4; the pairs are counted by sorting, so no matrix [n, z] is made.
    """
    places = np.searchsorted(np.sort(population), log_ratios - np.log(gamma), side="right")
    return np.asarray(places / len(population))


def log_ratios(label: Float64s, shadows: Float64s, trained_on: Bools, *, online: bool) -> Float64s:
    """Compute log(p(x | target) / p(x)) of each row.

    Args:
        label: [n], the target's log-probabilities of the labels.
        shadows: [m, n], those of the reference models.
        trained_on: bool [m, n], which of them were trained on the row.
        online: use these too, so that their mean counts as much as that of the others. Otherwise it is guessed from
            the others.

    Source: Zarifzadeh et al. 2024, sections 3 and B.2.2.
    """
    outside = _log_mean(shadows, ~trained_on)
    guessed = np.log(OFFLINE_A * np.exp(outside) + (1 - OFFLINE_A))
    inside = _log_mean(shadows, trained_on) if online else guessed
    return np.asarray(label - (np.logaddexp(inside, outside) - np.log(2)))


def _log_mean(log_p: Float64s, models: Bools) -> Float64s:
    # In logarithms: a label that all models find impossible has a probability of 0 in any type of float.
    return np.asarray(logsumexp(log_p, axis=0, b=models) - np.log(models.sum(axis=0)))


def _score(evidence: Evidence, online: bool) -> Float64s:
    shadows = shadows_of(evidence)
    ratios = log_ratios(evidence.signals.label, shadows.signals.label, shadows.trained_on, online=online)
    return relative(ratios, ratios)


ONLINE = Attack("rmia-online", "RMIA, online", SOURCE, lambda evidence: _score(evidence, online=True), shadows=4)
OFFLINE = Attack("rmia-offline", "RMIA, offline", SOURCE, lambda evidence: _score(evidence, online=False), shadows=4)
