"""Entropy: it is smaller on rows that a model was trained on."""

from dynanoise_export.attacks.methods.attack import Attack

ENTROPY = Attack("entropy", "entropy", "Shokri et al. 2017", lambda evidence: -evidence.signals.entropy)
