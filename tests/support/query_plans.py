"""Query plans for tests of reports, in place of the catalogue: few queries, and all kinds of readings."""

import numpy as np
import pytest

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.query_plan import Ask, PlanContext, PreparedPlan, QueryPlan, Reading, Rows, margin
from dynanoise_export.attacks.queries.repeats import REPEATS
from dynanoise_export.types import Float64s

HOSTILE = "<b>s\u202e·x</b>"
NEIGHBOURS = 12


def _doubled(context: PlanContext) -> list[PreparedPlan]:
    """Send 2x, which is outside the domain of most rows, under a name that is no markup."""
    reading = Reading(HOSTILE, 1, Domain.ANY, "doubled")

    def read(ask: Ask, rows: Rows) -> Float64s:
        answers = ask.answers({name: 2 * array for name, array in rows.inputs.items()})
        return margin(answers, rows.y)[None]

    return [PreparedPlan((reading,), read)] if context.allows(Domain.ANY) else []


def _labels(context: PlanContext) -> list[PreparedPlan]:
    """Count the neighbours with the row's label."""
    if context.budget < NEIGHBOURS:
        return []
    reading = Reading("labels of neighbours", NEIGHBOURS, context.domain, "labels", labels_only=True)

    def read(ask: Ask, rows: Rows) -> Float64s:
        generator, found = rows.generator(), np.zeros(len(rows))
        for _ in range(NEIGHBOURS):
            near = {
                name: array + generator.normal(0, 0.5, array.shape).astype(array.dtype)
                for name, array in rows.inputs.items()
            }
            found += ask.answers(near).argmax(axis=1) == rows.y
        return found[None]

    return [PreparedPlan((reading,), read)]


DOUBLED = QueryPlan("doubled", "twice the row", "nobody", _doubled)
LABELS = QueryPlan("labels", "neighbours", "nobody", _labels)


def use_test_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let attacks run these plans, whatever the catalogue has."""
    plans = (REPEATS, DOUBLED, LABELS)
    monkeypatch.setattr("dynanoise_export.attacks.attacking_model.chosen_plans", lambda also: plans)
