"""Entropy: it is smaller on what a model has learnt."""

from dynanoise_export.attacks.methods.attack import Attack

ENTROPY = Attack("entropy", "Shokri et al. 2017", lambda evidence: -evidence.signals.entropy)
