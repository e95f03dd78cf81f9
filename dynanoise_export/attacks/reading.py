"""What an attacker reads out of answers, and out of the shadow models' answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.evidence import Evidence, Floats, Labels, Shadows
from dynanoise_export.attacks.queries.client import SMALLEST
from dynanoise_export.attacks.responses import Answers
from dynanoise_export.attacks.signals import signals, stacked
from dynanoise_export.defences.dynanoise import Head
from dynanoise_export.shadow_stores import ShadowStore

# How many defended answers of a shadow model tell how often its label is right.
LABEL_DRAWS = 16
# The share of their noise from which on answers are taken to have some in common.
LEAST_COMMON = 0.1


@dataclass(frozen=True)
class Attackable:
    """What all attackers of a model have in common.

    Attributes:
        audit: the rows.
        features: float32 [n, d], the rows in a few numbers.
        head: the defence, or None for an undefended model.
        store: the shadow models' logits, or None.
        labels: how often each shadow model's labels are right, behind the defence and without it.
    """

    audit: Audit
    features: npt.NDArray[np.float32]
    head: Head | None
    store: ShadowStore | None
    labels: dict[bool, Labels]


def attackable(
    audit: Audit, features: npt.NDArray[np.float32], head: Head | None, store: ShadowStore | None
) -> Attackable:
    """Gather it, and see how often the shadow models' labels are right."""
    labels: dict[bool, Labels] = {}
    if store is not None:
        labels[False] = _shadow_labels(store, audit, None)
        labels[True] = labels[False] if head is None else _shadow_labels(store, audit, head)
    return Attackable(audit, features, head, store, labels)


def evidence_for(attacker: Attacker, answers: Answers, common: Attackable) -> Evidence:
    """Give an attacker what it holds: the answers, read as it reads them, and its shadow models' answers likewise."""
    head = common.head if attacker.adaptive else None
    log_p = _read(answers.log_p, head)
    return Evidence(
        y=common.audit.y,
        log_p=log_p,
        signals=signals(log_p, common.audit.y),
        labels=Labels(answers.right, answers.count),
        auxiliary=~common.audit.judged,
        features=common.features,
        shadows=None if common.store is None else _shadows(common.store, attacker, answers, head, common),
    )


def _read(log_p: npt.NDArray[np.float32], head: Head | None) -> Floats:
    """Take the defence back as far as it can be, and normalise what a mean over answers is."""
    values = torch.from_numpy(log_p)
    return np.asarray(torch.log_softmax(values if head is None else head.undo(values), dim=1).numpy())


def _shadows(
    store: ShadowStore, attacker: Attacker, answers: Answers, head: Head | None, common: Attackable
) -> Shadows:
    averaged = 1.0 if head is None else independent(answers, head, _logits(store, 0))

    def log_p(model: int) -> Floats:
        logits = _logits(store, model)
        if head is not None:
            # The same model gets the same noise whenever it is looked at, and each its own.
            logits = head.averaged(logits, averaged, torch.Generator().manual_seed(model))
        return np.asarray(torch.log_softmax(logits, dim=1).numpy())

    seen = stacked([signals(log_p(model), common.audit.y) for model in range(len(store.kept))])
    return Shadows(seen, common.labels[attacker.defended], store.kept, log_p)


def independent(answers: Answers, head: Head, logits: torch.Tensor) -> float:
    """Tell how many answers with noise of their own would average as much of it away as these did.

    Noise that repeats with the query, or that near-duplicates have in common, is averaged by nobody. How much of it
    they have in common is told by how much less the answers differ than with fresh noise: of n answers with a share ρ
    in common, the mean keeps a share 1 / n + (1 − 1 / n) ρ of the noise's variance.

    Args:
        answers: to n queries.
        head: the defence.
        logits: [n, k], of a model like the one that was asked, to see how much answers with fresh noise differ.
    """
    if answers.count == 1 or not answers.spread.any():
        return 1.0
    generator = torch.Generator().manual_seed(0)
    drawn = (head.defend(logits, torch.randn(logits.shape, generator=generator)) for _ in range(2))
    one, other = (answer.clamp(min=float(SMALLEST)).log() for answer in drawn)  # as a client reads them
    fresh = (one - other).var(dim=1, correction=0).nanmean() / 2
    common = float((1 - torch.from_numpy(answers.spread).mean() / fresh).clamp(0, 1))
    # Less can't be told from the difference between two models, and of many answers it would make few.
    return answers.count if common < LEAST_COMMON else 1 / (1 / answers.count + (1 - 1 / answers.count) * common)


def _shadow_labels(store: ShadowStore, audit: Audit, head: Head | None) -> Labels:
    draws = 1 if head is None else LABEL_DRAWS
    y = torch.from_numpy(audit.y)
    right = []
    for model in range(len(store.kept)):
        logits, generator = _logits(store, model), torch.Generator().manual_seed(model)
        count = torch.zeros(len(audit), dtype=torch.int32)
        for _ in range(draws):
            given = logits if head is None else head.averaged(logits, 1, generator)
            count += given.argmax(dim=1) == y
        right.append(count.numpy())
    return Labels(np.stack(right), draws)


def _logits(store: ShadowStore, model: int) -> torch.Tensor:
    return torch.from_numpy(np.array(store.logits[model]))
