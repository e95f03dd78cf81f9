"""The privacy risk score: the probability of membership, given the modified entropy and the class."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.types import Float64s

BINS = 30


def _score(evidence: Evidence) -> Float64s:
    """Count the shadow models' members and non-members in bins with equal shares, for each class."""
    shadows = shadows_of(evidence)
    theirs = shadows.signals.modified_entropy
    edges = np.quantile(theirs, np.linspace(0, 1, BINS + 1)[1:-1])
    classes = int(evidence.y.max()) + 1
    cells = np.searchsorted(edges, theirs) + BINS * evidence.y
    members = np.bincount(cells[shadows.trained_on], minlength=BINS * classes) + 1
    non_members = np.bincount(cells[~shadows.trained_on], minlength=BINS * classes) + 1
    risk = members / (members + non_members)
    return np.asarray(risk[np.searchsorted(edges, evidence.signals.modified_entropy) + BINS * evidence.y])


PRIVACY_RISK = Attack(
    "privacy-risk",
    "privacy risk score",
    "Song and Mittal 2021, equation 10",
    _score,
    shadows=4,
    fixed_threshold=0.5,
)
