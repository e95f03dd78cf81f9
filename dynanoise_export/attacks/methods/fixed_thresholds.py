"""The DynaNoise paper's fixed thresholds: "member" if the largest probability is above 0.9, or the loss below 0.5."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.types import Float64s

SOURCE = "Forough and Haddadi 2025, section 7.2"


def _confident(evidence: Evidence) -> Float64s:
    return np.asarray(evidence.signals.confidence > np.log(0.9), dtype=np.float64)


def _low_loss(evidence: Evidence) -> Float64s:
    return np.asarray(-evidence.signals.label < 0.5, dtype=np.float64)


FIXED_CONFIDENCE = Attack("fixed-confidence", "confidence above 0.9", SOURCE, _confident, fixed_threshold=0.5)
FIXED_LOSS = Attack("fixed-loss", "loss below 0.5", SOURCE, _low_loss, fixed_threshold=0.5)
