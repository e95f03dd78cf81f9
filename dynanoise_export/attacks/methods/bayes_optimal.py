"""BASE: by how much the row's loss is below the one that the Bayes-optimal rule expects of models of either side."""

import numpy as np
from scipy.special import logsumexp

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.types import Bools, Float64s

SOURCE = "Lassila et al. 2025"
# Without models that were trained on the row, the expected loss is too large, and only a share of it counts.
OFFLINE_SHARE = 0.33


def online(own: Float64s, shadows: Float64s, *, temperature: float = 1.0) -> Float64s:
    """Compute by how much each row exceeds the log-mean-exp of all shadow models, of either side.

    Args:
        own: [n], the target's log-probabilities of the labels, which are negative losses; or what else a query plan
            reads, larger for likely members.
        shadows: [m, n], those of the shadow models; half of them were trained on a row.
        temperature: that of the rule; for readings other than log-probabilities, a number of about the size of their
            differences between shadow models. Then the result is in units of it.

    Source: Lassila et al. 2025. On log-probabilities this ranks rows as RMIA does whose population is all rows.
    """
    return own / temperature - _log_mean(shadows / temperature, np.ones_like(shadows, dtype=bool))


def offline(own: Float64s, shadows: Float64s, trained_on: Bools, *, temperature: float = 1.0) -> Float64s:
    """Compute the same against a share of the log-mean-exp of the models that were not trained on the row.

    Args:
        own: as of `online`; the share supposes log-probabilities, whose largest value is 0.
        shadows: [m, n], those of the shadow models.
        trained_on: bool [m, n], which of them were trained on the row; they are ignored for it.
        temperature: as of `online`.
    """
    return own / temperature - OFFLINE_SHARE * _log_mean(shadows / temperature, ~trained_on)


def _log_mean(values: Float64s, models: Bools) -> Float64s:
    return np.asarray(logsumexp(values, axis=0, b=models) - np.log(models.sum(axis=0)))


def _online(evidence: Evidence) -> Float64s:
    return online(evidence.signals.label, shadows_of(evidence).signals.label)


def _offline(evidence: Evidence) -> Float64s:
    shadows = shadows_of(evidence)
    return offline(evidence.signals.label, shadows.signals.label, shadows.trained_on)


ONLINE = Attack("base-online", "BASE, online", SOURCE, _online, shadows=4)
OFFLINE = Attack("base-offline", "BASE, offline", SOURCE, _offline, shadows=4)
