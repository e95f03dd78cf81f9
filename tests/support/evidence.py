"""An attacker's evidence, and results of attacks, made of random numbers."""

from dataclasses import replace

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.evidence import Evidence, LabelCounts, ShadowEvidence
from dynanoise_export.attacks.judging import judge
from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.results import ThresholdOrigin
from dynanoise_export.attacks.signals import signals, stacked

ANSWERS = 16
NAIVE = Attacker("naive", True, False, 1)


def random_evidence(shadows=8, rows=60, classes=4, effect=1.5, seed=0):
    """Draw evidence and membership [rows]: training on a row raises its label's logit by `effect`."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    trained_on = rng.permuted(np.tile(np.arange(shadows) % 2 == 0, (rows, 1)), axis=1).T
    member = rng.permuted(np.arange(rows) % 2 == 0)
    logits = rng.normal(scale=1.5, size=(rows, classes)) + rng.normal(size=(shadows + 1, rows, classes))
    logits[:, np.arange(rows), y] += effect * np.vstack([trained_on, member])
    log_p = log_softmax(logits, axis=2)
    correct = rng.binomial(ANSWERS, np.exp(log_p[:, np.arange(rows), y]))
    held = ShadowEvidence(
        stacked([signals(one, y) for one in log_p[:-1]]),
        LabelCounts(correct[:-1], ANSWERS),
        trained_on,
        lambda model: log_p[model],
    )
    features = rng.normal(size=(rows, 3)).astype(np.float32)
    nobody = np.zeros(rows, dtype=bool)
    own = signals(log_p[-1], y)
    return Evidence(y, log_p[-1], own, LabelCounts(correct[-1], ANSWERS), nobody, features, held), member


def with_answers(evidence, log_p, shadows):
    """Give the evidence other answers [n, k], and its shadow models others [m, n, k]."""
    held = replace(
        evidence.shadows, signals=stacked([signals(one, evidence.y) for one in shadows]), log_p=lambda m: shadows[m]
    )
    return replace(evidence, log_p=log_p, signals=signals(log_p, evidence.y), shadows=held)


def result(scores, member, threshold=0.0, attack=LOSS, attacker=NAIVE, origin=ThresholdOrigin.FIXED):
    """Judge scores as an attack's."""
    return judge(attack, attacker, scores, member, threshold, origin)
