"""The fixed thresholds of the DynaNoise paper: "member" if the largest probability is above 0.9, the loss below 0.5."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores

SOURCE = "Forough and Haddadi 2025, section 7.2"


def _confident(evidence: Evidence) -> Scores:
    return np.asarray(evidence.signals.confidence > np.log(0.9), dtype=np.float64)


def _low_loss(evidence: Evidence) -> Scores:
    return np.asarray(-evidence.signals.label < 0.5, dtype=np.float64)


FIXED_CONFIDENCE = Attack("confidence above 0.9", SOURCE, _confident, cut=0.5)
FIXED_LOSS = Attack("loss below 0.5", SOURCE, _low_loss, cut=0.5)
