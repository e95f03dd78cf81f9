"""The noise audit: all checks of recovered noise, with one false-alarm rate for all of them together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dynanoise_export.parameters import Parameters
from dynanoise_export.validation import noise_freshness, noise_independence, noise_law, noise_variance
from dynanoise_export.validation.check import Check
from dynanoise_export.validation.recovery import Floats, RecoveredNoise, recover

# The chance that any check of an audit fails on correct noise.
BUDGET = 1e-6


class _MadeAt(Protocol):
    def __call__(self, *, rate: float) -> Check: ...


@dataclass(frozen=True)
class Answers:
    """A defended model's answers to the same n queries, asked again and again: probabilities in float32.

    Attributes:
        calls: [c, n, k], c ≥ 2, each in the order of the queries, one after the other in one place.
        permuted: [n, k], from the same place, asked in another order.
        order: [n]; the i-th query of `permuted` was query `order[i]`.
        elsewhere: answers [s, n, k] from other places, in the order of the queries, by what differs: "between
            sessions", "between processes", "between threads". None of them may be among `calls`.
        batch: how many rows were asked at once; None where it was all n.
    """

    calls: Floats
    permuted: Floats
    order: npt.NDArray[np.int64]
    elsewhere: Mapping[str, Floats] = field(default_factory=dict)
    batch: int | None = None


def audit(logits: Floats, answers: Answers, parameters: Parameters, *, keep_label: bool = False) -> list[Check]:
    """Audit random noise: is it what Algorithm 1 says, and drawn anew for every class, row, call and place.

    Args:
        logits: [n, k], n queries' undefended logits.
        answers: the defended answers to them.
        parameters: σ₀, λ and T as stated.
        keep_label: whether the answers keep the undefended label.

    Returns:
        One check for each property; together they fail on correct noise once in 1 / `BUDGET` audits at most.

    Raises:
        ValueError: the shapes don't fit each other.
    """
    inverse = np.argsort(answers.order)
    unswapping = np.random.default_rng(0) if keep_label else None
    take_back = partial(recover, logits, parameters=parameters, unswapping=unswapping)
    noise = take_back(np.concatenate([answers.calls, answers.permuted[None, inverse]]))
    own = np.arange(len(logits))
    places = np.stack([own] * len(answers.calls) + [inverse]) % (answers.batch or len(own))
    checks = [
        *_of_any_source(noise, places, answers.batch),
        partial(noise_independence.between_calls, noise),
        partial(noise_freshness.repeated, noise),
        partial(noise_freshness.bound_to_place, noise, answers.order),
    ]
    for place, theirs in answers.elsewhere.items():
        checks.append(partial(noise_freshness.fresh, place, noise, take_back(theirs)))
    return [check(rate=BUDGET / len(checks)) for check in checks]


def audit_once(
    logits: Floats, answers: Floats, parameters: Parameters, batch: int | None, *, keep_label: bool
) -> list[Check]:
    """Audit noise that repeats with the query, over queries of which no two share it.

    Args:
        logits: [n, k], n queries' undefended logits.
        answers: [n, k], the defended answers to them.
        parameters: σ₀, λ and T as stated.
        batch: how many rows were asked at once; None where it was all n.
        keep_label: whether the answers keep the undefended label.

    Returns:
        The checks of `audit` that make sense for one call, with the same rate for all together.
    """
    noise = recover(logits, answers[None], parameters, np.random.default_rng(0) if keep_label else None)
    places = np.arange(len(logits))[None] % (batch or len(logits))
    checks = _of_any_source(noise, places, batch)
    return [check(rate=BUDGET / len(checks)) for check in checks]


def _of_any_source(noise: RecoveredNoise, places: npt.NDArray[np.int64], batch: int | None) -> list[_MadeAt]:
    """List the checks of the law and of what one call shows of independence."""
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
        partial(noise_variance.over_places, noise, places),
        partial(noise_independence.between_classes, noise),
        partial(noise_independence.along_classes, noise),
        partial(noise_independence.between_rows, noise, batch=batch),
    ]
