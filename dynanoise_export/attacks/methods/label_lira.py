"""LiRA on labels alone: how much likelier this many correct labels are from shadow models trained on the row."""

import numpy as np
from scipy.special import logsumexp

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.types import Bools, Float64s


def _score(evidence: Evidence) -> Float64s:
    """Take each shadow model's share of correct labels as a probability, and mix the models of either side evenly."""
    shadows = shadows_of(evidence)
    share = (shadows.labels.correct + 0.5) / (shadows.labels.answers + 1)
    correct, wrong = evidence.labels.correct, evidence.labels.answers - evidence.labels.correct
    log_likelihood = correct * np.log(share) + wrong * np.log1p(-share)
    return _mixed(log_likelihood, shadows.trained_on) - _mixed(log_likelihood, ~shadows.trained_on)


def _mixed(log_likelihood: Float64s, models: Bools) -> Float64s:
    return np.asarray(logsumexp(log_likelihood, axis=0, b=models) - np.log(models.sum(axis=0)))


LABEL_LIRA = Attack(
    "lira-labels", "LiRA, labels alone", "after Carlini et al. 2022", _score, shadows=4, labels_only=True
)
