"""LiRA on labels alone: how much likelier are so many right labels by shadow models that learnt the query."""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from dynanoise_export.attacks.evidence import Bools, Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores, shadows_of


def _score(evidence: Evidence) -> Scores:
    """Take each shadow model's share of right labels for a probability, and mix the models of either side evenly."""
    shadows = shadows_of(evidence)
    share = (shadows.labels.right + 0.5) / (shadows.labels.of + 1)
    right, wrong = evidence.labels.right, evidence.labels.of - evidence.labels.right
    log_likelihood = right * np.log(share) + wrong * np.log1p(-share)
    return _mixed(log_likelihood, shadows.kept) - _mixed(log_likelihood, ~shadows.kept)


def _mixed(log_likelihood: npt.NDArray[np.float64], models: Bools) -> Scores:
    return np.asarray(logsumexp(log_likelihood, axis=0, b=models) - np.log(models.sum(axis=0)))


LABEL_LIRA = Attack("LiRA, labels alone", "after Carlini et al. 2022", _score, shadows=4, labels_only=True)
