"""Modified entropy: small if a model is sure of the label, large if it is sure of another class."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.attacks.metrics.thresholds import best_threshold
from dynanoise_export.types import Float64s

SOURCE = "Song and Mittal 2021"


def _per_class(evidence: Evidence) -> Float64s:
    """Score by the distance from the class's own threshold, which is fitted on the shadow models."""
    shadows = shadows_of(evidence)
    score = -evidence.signals.modified_entropy
    for label in np.unique(evidence.y):
        rows = evidence.y == label
        theirs = -shadows.signals.modified_entropy[:, rows]
        threshold = best_threshold(theirs.ravel(), shadows.trained_on[:, rows].ravel())
        # If no threshold beats chance, no row with a score like theirs counts as a member.
        score[rows] -= threshold if np.isfinite(threshold) else theirs.max()
    return score


MODIFIED_ENTROPY = Attack(
    "modified-entropy", "modified entropy", SOURCE, lambda evidence: -evidence.signals.modified_entropy
)
MODIFIED_ENTROPY_PER_CLASS = Attack(
    "modified-entropy-per-class", "modified entropy, per class", SOURCE, _per_class, shadows=4
)
