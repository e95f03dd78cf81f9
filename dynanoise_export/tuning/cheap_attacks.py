"""The strongest of the attacks that take milliseconds, on logits, by one attacker who sends the rows themselves.

Noise follows from the number of the model alone, so settings differ by their parameters and not by luck.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.attacks.evidence import Evidence, LabelCounts, ShadowEvidence
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.metrics.accuracy import verdicts
from dynanoise_export.attacks.metrics.thresholds import best_threshold
from dynanoise_export.attacks.signals import signals, stacked
from dynanoise_export.defences.base import Defence, standard_normals
from dynanoise_export.defences.keep_label import keeping_label, swapped
from dynanoise_export.intervals import Interval
from dynanoise_export.tuning.cached_logits import Rows
from dynanoise_export.tuning.objective import Objective
from dynanoise_export.types import Floats

CHEAP = (
    "confidence", "loss", "modified-entropy", "rmia-offline", "rmia-online", "lira-offline-fixed", "lira-online-fixed",
    "lira-online",
)  # fmt: skip
# The target's noise must be none of the shadow models', whose seeds are their numbers.
TARGET = 1 << 32
SMALLEST = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Reader:
    """How an attacker reads answers.

    Attributes:
        answers: how many it averages; a defence without noise gives one.
        adaptive: whether it knows the defence, takes back what it can, and puts it on its shadow models.
    """

    answers: int
    adaptive: bool = True


@dataclass(frozen=True)
class CheapResult:
    """What the strongest attack achieves.

    Attributes:
        attack: its code.
        risk: its AUC, or its TPR at an FPR.
        success: its balanced accuracy at the best threshold, which the papers call the attack's success rate.
    """

    attack: str
    risk: Interval
    success: float


def strongest_cheap(rows: Rows, defence: Defence | None, objective: Objective, reader: Reader) -> CheapResult:
    """Run the attacks for which there are enough shadow models, and give the strongest.

    Args:
        rows: the rows to judge on.
        defence: of the model; None for the undefended model.
        objective: what counts.
        reader: the attacker.
    """
    evidence = _evidence(rows, defence, reader)
    judged, member = rows.audit.judged, rows.audit.member[rows.audit.judged]
    scores = {code: ATTACKS.get(code).score(evidence)[judged] for code in CHEAP if ATTACKS.get(code).can_run(evidence)}
    risks = {code: objective.of_scores(found, member) for code, found in scores.items()}
    code = max(risks, key=lambda one: risks[one].value)
    said = scores[code] >= best_threshold(scores[code], member)
    return CheapResult(code, risks[code], verdicts(said, member).balanced_accuracy.value)


def one_answer(logits: Floats, defence: Defence | None, seed: int) -> Floats:
    """Draw the answer that a client gets: log-probabilities [n, k]."""
    if defence is None:
        return np.asarray(log_softmax(logits, axis=1))
    noise = standard_normals(logits, np.random.default_rng(seed))
    return np.asarray(np.log(np.maximum(defence.defend(logits, noise), SMALLEST)))


def _evidence(rows: Rows, defence: Defence | None, reader: Reader) -> Evidence:
    y, known = rows.audit.y, defence if reader.adaptive else None
    log_p = _read(rows.logits, defence, reader, TARGET)

    def of_shadow(model: int) -> Floats:
        return _read(rows.shadows[model], known, reader, model)

    shadows = None
    if len(rows.shadows):
        seen = stacked([signals(of_shadow(model), y) for model in range(len(rows.shadows))])
        labels = LabelCounts(seen.correct.astype(np.int64), 1)
        shadows = ShadowEvidence(seen, labels, rows.trained_on, of_shadow)
    own = signals(log_p, y)
    labels = LabelCounts(own.correct.astype(np.int64), 1)
    unused = np.empty((len(y), 0), np.float32)  # none of these attacks looks at the rows themselves
    return Evidence(y, log_p, own, labels, ~rows.audit.judged, unused, shadows)


def _read(logits: Floats, defence: Defence | None, reader: Reader, seed: int) -> Floats:
    """Draw what an attacker reads: log-probabilities [n, k]."""
    if defence is None or not reader.adaptive:
        return one_answer(logits, defence, seed)
    count = reader.answers if defence.takes_noise else 1
    mean = keeping_label(defence, False).mean_answer(logits, count, np.random.default_rng(seed))
    if defence.keep_label:
        # Each answer has its own swap. One swap of the mean is what is left of them once the noise is averaged out.
        mean = swapped(mean, logits.argmax(axis=1, keepdims=True))
    return np.asarray(log_softmax(mean, axis=1))
