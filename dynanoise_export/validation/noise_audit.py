"""The noise audit: all checks of recovered noise, with one false-alarm rate for all of them together."""

from functools import partial
from typing import Protocol

import numpy as np

from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.types import Floats, Int64s
from dynanoise_export.validation import noise_freshness, noise_independence, noise_law, noise_variance
from dynanoise_export.validation.check import Check
from dynanoise_export.validation.recovery import RecoveredNoise, recover
from dynanoise_export.validation.repeated_answers import Answers

# The chance that any check of an audit fails on correct noise.
BUDGET = 1e-6


class _AtRate(Protocol):
    def __call__(self, *, rate: float) -> Check: ...


def audit(logits: Floats, answers: Answers, law: NoiseLaw, *, keep_label: bool = False) -> list[Check]:
    """Audit random noise: it must follow its law and be drawn anew for each class, row, call, thread and process.

    Args:
        logits: [n, k], n queries' undefended logits.
        answers: the defended answers to them.
        law: of the noise, as stated.
        keep_label: whether the answers keep the undefended label.

    Returns:
        One check for each property; together they fail on correct noise at most once in 1 / `BUDGET` audits.

    Raises:
        ValueError: the shapes don't fit each other.
    """
    inverse = np.argsort(answers.order)
    unswapping = np.random.default_rng(0) if keep_label else None
    noise = recover(logits, np.concatenate([answers.calls, answers.put_in_order[None]]), law, unswapping)
    own = np.arange(len(logits))
    positions = np.stack([own] * len(answers.calls) + [inverse]) % (answers.batch or len(own))
    checks = [
        *_of_any_source(noise, positions, answers.batch),
        partial(noise_independence.between_calls, noise),
        partial(noise_freshness.repeated, noise),
        partial(noise_freshness.bound_to_position, noise, answers.order),
    ]
    for again, theirs in answers.others.items():
        checks.append(partial(noise_freshness.fresh, again, noise, recover(logits, theirs, law, unswapping)))
    return [check(rate=BUDGET / len(checks)) for check in checks]


def audit_once(logits: Floats, answers: Floats, law: NoiseLaw, batch: int | None, *, keep_label: bool) -> list[Check]:
    """Audit noise that repeats with the query, over queries of which no two share it.

    Args:
        logits: [n, k], n queries' undefended logits.
        answers: [n, k], the defended answers to them.
        law: of the noise, as stated.
        batch: how many rows were sent at once; None if all n were.
        keep_label: whether the answers keep the undefended label.

    Returns:
        The checks of `audit` that make sense for one call, with the same rate for all together.
    """
    noise = recover(logits, answers[None], law, np.random.default_rng(0) if keep_label else None)
    positions = np.arange(len(logits))[None] % (batch or len(logits))
    checks = _of_any_source(noise, positions, batch)
    return [check(rate=BUDGET / len(checks)) for check in checks]


def _of_any_source(noise: RecoveredNoise, positions: Int64s, batch: int | None) -> list[_AtRate]:
    """List the checks of the law, and those of independence that need one call only."""
    return [
        partial(noise_law.recovered, noise),
        partial(noise_law.mean, noise),
        partial(noise_law.against_logits, noise),
        partial(noise_law.distribution, noise),
        partial(noise_law.tails, noise),
        partial(noise_variance.overall, noise),
        partial(noise_variance.over_sensitivity, noise),
        partial(noise_variance.over_classes, noise),
        partial(noise_variance.over_queries, noise),
        partial(noise_variance.over_positions, noise, positions),
        partial(noise_independence.between_classes, noise),
        partial(noise_independence.along_classes, noise),
        partial(noise_independence.between_rows, noise, batch=batch),
    ]
