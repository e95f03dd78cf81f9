"""Repeats: the row itself, once or several times. Averaging removes noise that does not repeat with the query."""

from itertools import pairwise

import numpy as np

from dynanoise_export.attacks.queries.query_plan import Ask, PlanContext, PreparedPlan, QueryPlan, Reading, Rows, margin
from dynanoise_export.types import Float64s

COUNTS = (1, 4, 16, 64, 256)


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Send the row once, and more often only if its answers differ."""
    counts = [count for count in COUNTS if count == 1 or (count <= context.budget and not context.repeats)]
    readings = tuple(
        Reading("the row itself" if count == 1 else f"{count} answers averaged", count, context.domain, "repeats")
        for count in counts
    )
    return [PreparedPlan(readings, lambda ask, rows: _read(ask, rows, counts))]


def _read(ask: Ask, rows: Rows, counts: list[int]) -> Float64s:
    found: list[Float64s] = []
    total: Float64s = np.zeros((len(rows), 1))
    for before, count in pairwise([0, *counts]):
        # Each reading goes on from the one before it.
        total = ask.mean(rows.inputs, count - before) * (count - before) + total
        found.append(margin(total / count, rows.y))
    return np.stack(found)


REPEATS = QueryPlan("repeats", "the row itself", "Carlini et al. 2022", prepare)
