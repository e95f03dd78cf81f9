"""The privacy risk score: the probability of membership, given the modified entropy and the class."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores, shadows_of

BINS = 30


def _score(evidence: Evidence) -> Scores:
    """Count the shadow models' members and non-members in bins of equal shares, each class on its own."""
    shadows = shadows_of(evidence)
    theirs = shadows.signals.modified_entropy
    edges = np.quantile(theirs, np.linspace(0, 1, BINS + 1)[1:-1])
    classes = int(evidence.y.max()) + 1
    cells = np.searchsorted(edges, theirs) + BINS * evidence.y
    inside = np.bincount(cells[shadows.kept], minlength=BINS * classes) + 1
    outside = np.bincount(cells[~shadows.kept], minlength=BINS * classes) + 1
    risk = inside / (inside + outside)
    return np.asarray(risk[np.searchsorted(edges, evidence.signals.modified_entropy) + BINS * evidence.y])


PRIVACY_RISK = Attack("privacy risk score", "Song and Mittal 2021, equation 10", _score, shadows=4, cut=0.5)
