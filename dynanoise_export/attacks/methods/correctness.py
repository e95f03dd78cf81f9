"""Correctness: a model is correct more often on rows that it was trained on. It needs labels alone, so it is the floor.

With several answers, to the row or to queries near it, the share of correct ones shows how firmly the model holds the
label.
"""

from dynanoise_export.attacks.methods.attack import Attack

CORRECTNESS = Attack(
    "correctness",
    "correctness",
    "Yeom et al. 2018; Choquette-Choo et al. 2021",
    lambda evidence: evidence.labels.correct / evidence.labels.answers,
    fixed_threshold=0.5,
    labels_only=True,
)
