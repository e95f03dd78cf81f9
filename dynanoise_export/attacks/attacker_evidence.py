"""From responses to evidence: how each attacker reads the target's answers and its own shadow models' answers."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.evidence import Evidence, LabelCounts, ShadowEvidence
from dynanoise_export.attacks.features import project
from dynanoise_export.attacks.independent_answers import independent_answers
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.attacks.signals import signals, stacked
from dynanoise_export.defences.base import Defence
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.types import Float32s, Floats

# How many defended answers of a shadow model show how often its label is correct.
LABEL_DRAWS = 16


@dataclass(frozen=True)
class SharedEvidence:
    """What all attackers of a model share.

    Attributes:
        audit: the n rows.
        features: float32 [n, d], the rows as a few numbers.
        defence: of the model; None if it is undefended.
        store: the shadow models' logits, or None.
        defended_labels: how often the shadow models' labels are correct through the defence, [m, n], or None.
        plain_labels: how often they are without it, [m, n], or None.
    """

    audit: Audit
    features: Float32s
    defence: Defence | None
    store: ShadowStore | None
    defended_labels: LabelCounts | None
    plain_labels: LabelCounts | None


def share_evidence(audit: Audit, defence: Defence | None, store: ShadowStore | None) -> SharedEvidence:
    """Compute what all attackers of a model share."""
    plain = defended = None
    if store is not None:
        plain = _shadow_labels(store, audit, None)
        defended = plain if defence is None else _shadow_labels(store, audit, defence)
    return SharedEvidence(audit, project(audit.inputs), defence, store, defended, plain)


def evidence_of(attacker: Attacker, responses: Responses, shared: SharedEvidence) -> Evidence:
    """Compute an attacker's evidence: the responses as it reads them, and its shadow models' answers likewise."""
    audit, store = shared.audit, shared.store
    defence = shared.defence if attacker.adaptive else None
    log_p = _read(responses.log_p, defence)
    labels = shared.defended_labels if attacker.defended else shared.plain_labels
    shadows = None
    if store is not None and labels is not None:
        shadows = _shadow_evidence(store, responses, defence, labels, audit)
    return Evidence(
        y=audit.y,
        log_p=log_p,
        signals=signals(log_p, audit.y),
        labels=LabelCounts(responses.correct, responses.count),
        auxiliary=~audit.judged,
        features=shared.features,
        shadows=shadows,
    )


def with_responses(evidence: Evidence, attacker: Attacker, responses: Responses, shared: SharedEvidence) -> Evidence:
    """Give an attacker other responses of the same model, with the same shadow models beside them."""
    log_p = _read(responses.log_p, shared.defence if attacker.adaptive else None)
    labels = LabelCounts(responses.correct, responses.count)
    return replace(evidence, log_p=log_p, signals=signals(log_p, shared.audit.y), labels=labels)


def _read(log_p: Float32s, defence: Defence | None) -> Floats:
    """Take back what can be taken back of a defence, and normalise, which a mean over answers is not."""
    return np.asarray(log_softmax(log_p if defence is None else defence.undo(log_p), axis=1))


def _shadow_evidence(
    store: ShadowStore, responses: Responses, defence: Defence | None, labels: LabelCounts, audit: Audit
) -> ShadowEvidence:
    answers = 1.0 if defence is None else independent_answers(responses, defence, _logits(store, 0))

    def log_p(model: int) -> Floats:
        logits = _logits(store, model)
        if defence is not None:
            # Each model has noise of its own, the same whenever an attack looks at it.
            logits = defence.mean_answer(logits, answers, np.random.default_rng(model))
        return np.asarray(log_softmax(logits, axis=1))

    of_models = stacked([signals(log_p(model), audit.y) for model in range(len(store.kept))])
    return ShadowEvidence(of_models, labels, store.kept, log_p)


def _shadow_labels(store: ShadowStore, audit: Audit, defence: Defence | None) -> LabelCounts:
    draws = LABEL_DRAWS if defence is not None and defence.takes_noise else 1
    correct = []
    for model in range(len(store.kept)):
        logits, generator = _logits(store, model), np.random.default_rng(model)
        count = np.zeros(len(audit), np.int32)
        for _ in range(draws):
            answer = logits if defence is None else defence.mean_answer(logits, 1, generator)
            count += answer.argmax(axis=1) == audit.y
        correct.append(count)
    return LabelCounts(np.stack(correct), draws)


def _logits(store: ShadowStore, model: int) -> Floats:
    return np.array(store.logits[model])
