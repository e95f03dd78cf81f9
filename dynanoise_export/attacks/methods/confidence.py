"""Confidence: a model is surer of what it has learnt."""

from dynanoise_export.attacks.methods.attack import Attack

CONFIDENCE = Attack("confidence", "Salem et al. 2018", lambda evidence: evidence.signals.confidence)
