"""Confidence: a model is more confident on rows that it was trained on."""

from dynanoise_export.attacks.methods.attack import Attack

CONFIDENCE = Attack("confidence", "confidence", "Salem et al. 2018", lambda evidence: evidence.signals.confidence)
