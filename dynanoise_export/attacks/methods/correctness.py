"""Correctness: a model is right more often on what it has learnt. Labels are enough to see that, so it is the floor.

Of several answers, to the query or to neighbours of it, the share that is right tells how firmly the model holds to
the label.
"""

from dynanoise_export.attacks.methods.attack import Attack

CORRECTNESS = Attack(
    "correctness",
    "Yeom et al. 2018; Choquette-Choo et al. 2021",
    lambda evidence: evidence.labels.right / evidence.labels.of,
    cut=0.5,
    labels_only=True,
)
