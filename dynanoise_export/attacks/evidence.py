"""An attacker's evidence: the target's answers, and those of the attacker's own shadow models."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dynanoise_export.attacks.signals import Signals
from dynanoise_export.types import Bools, Float32s, Floats, Int64s


@dataclass(frozen=True)
class LabelCounts:
    """How many answers have the correct label.

    Attributes:
        correct: int [n] for each of n rows, or [m, n] for each of m models too.
        answers: out of how many answers.
    """

    correct: npt.NDArray[np.integer]
    answers: int


@dataclass(frozen=True)
class ShadowEvidence:
    """The answers of m shadow models to the same n rows, through the same defence as the target.

    Attributes:
        signals: of each model, [m, n].
        labels: of each model, [m, n].
        trained_on: bool [m, n], whether the row was in the model's training set.
        log_p: the number of a model to its log-probabilities [n, k].
    """

    signals: Signals
    labels: LabelCounts
    trained_on: Bools
    log_p: Callable[[int], Floats]

    def __len__(self) -> int:
        return len(self.trained_on)


@dataclass(frozen=True)
class Evidence:
    """What an attacker has on n rows.

    Attributes:
        y: int64 [n], the labels.
        log_p: [n, k], the log-probabilities of the answers, after the attacker took back what can be taken back.
        signals: of the answers, [n].
        labels: of the answers, [n].
        auxiliary: bool [n], the rows that the attacker knows to be non-members.
        features: float32 [n, d], the rows themselves as a few numbers.
        shadows: None for an attacker without shadow models.
    """

    y: Int64s
    log_p: Floats
    signals: Signals
    labels: LabelCounts
    auxiliary: Bools
    features: Float32s
    shadows: ShadowEvidence | None


def with_shadow_as_target(evidence: Evidence, shadows: ShadowEvidence, model: int) -> Evidence:
    """Let a shadow model play the target, and the others be its shadow models.

    Its members are known, so an attacker can fit a threshold on it.
    """
    others = np.delete(np.arange(len(shadows)), model)

    def log_p(index: int) -> Floats:
        return shadows.log_p(int(others[index]))

    return replace(
        evidence,
        log_p=shadows.log_p(model),
        signals=shadows.signals[model],
        labels=LabelCounts(shadows.labels.correct[model], shadows.labels.answers),
        auxiliary=evidence.auxiliary & ~shadows.trained_on[model],
        shadows=ShadowEvidence(
            shadows.signals[others],
            LabelCounts(shadows.labels.correct[others], shadows.labels.answers),
            shadows.trained_on[others],
            log_p,
        ),
    )
