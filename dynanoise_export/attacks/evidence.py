"""What an attacker holds: a target's answers, and what the attacker's own shadow models answered."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.signals import Signals

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Labels:
    """How often the answers to n queries, or m models' answers, had the query's label on top.

    Attributes:
        right: [n] or [m, n], how often.
        of: of how many answers.
    """

    right: npt.NDArray[np.integer]
    of: int


@dataclass(frozen=True)
class Shadows:
    """What m shadow models answered to the same n queries, through the same defence as the target.

    Attributes:
        signals: of each model, [m, n].
        labels: of each model, [m, n].
        kept: bool [m, n], whether the row was in the model's training set.
        log_p: gives the log-probabilities [n, k] of one model, by its number.
    """

    signals: Signals
    labels: Labels
    kept: Bools
    log_p: Callable[[int], Floats]

    def __len__(self) -> int:
        return len(self.kept)


@dataclass(frozen=True)
class Evidence:
    """What an attacker holds on n queries.

    Attributes:
        y: int64 [n], the labels.
        log_p: [n, k], the log-probabilities of the answers, as the attacker reads them.
        signals: of the answers, [n].
        labels: of the answers, [n].
        auxiliary: bool [n], rows that the attacker knows to be no members.
        features: float32 [n, d], the queries themselves in a few numbers.
        shadows: None for an attacker who has none.
    """

    y: npt.NDArray[np.int64]
    log_p: Floats
    signals: Signals
    labels: Labels
    auxiliary: Bools
    features: npt.NDArray[np.float32]
    shadows: Shadows | None


def with_shadow_as_target(evidence: Evidence, shadows: Shadows, model: int) -> Evidence:
    """Let a shadow model play the target, with the others as its shadow models.

    Its members are known, so that an attacker fits a threshold on it.
    """
    others = np.delete(np.arange(len(shadows)), model)

    def log_p(index: int) -> Floats:
        return shadows.log_p(int(others[index]))

    return replace(
        evidence,
        log_p=shadows.log_p(model),
        signals=shadows.signals[model],
        labels=Labels(shadows.labels.right[model], shadows.labels.of),
        auxiliary=evidence.auxiliary & ~shadows.kept[model],
        shadows=Shadows(
            shadows.signals[others],
            Labels(shadows.labels.right[others], shadows.labels.of),
            shadows.kept[others],
            log_p,
        ),
    )
