"""Differences in one cell: two queries that are close together get the same keyed noise, so their difference has none.

New here: the attacker walks from the border of the label, where two logits are equal, back to the row, and adds up how
the label's margin grows. A kept label swaps two classes; the swap is undone by what a linear student of the shadow
models expects, and by what most pairs of queries say.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from dynanoise_export.attacks.queries.directions import Box, distilled
from dynanoise_export.attacks.queries.label_border import LINE, best_walk
from dynanoise_export.attacks.queries.query_plan import Ask, PlanContext, PreparedPlan, QueryPlan, Reading, Rows
from dynanoise_export.attacks.queries.walks import Border, Queries, Walk, find_border
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Arrays, Bools, Float64s, Int64s

# Labels to find the border, and pairs of queries on the way back from it.
LABELS, PAIRS = 13, (5, 15)
# Where the pairs lie, as shares of the way: in the middle of each fifteenth, and first in the middle of each fifth.
PLACES = tuple((number + 0.5) / 15 for number in (1, 4, 7, 10, 13, 0, 2, 3, 5, 6, 8, 9, 11, 12, 14))
# The distance between the queries of a pair, as a share of the distance to the border.
APART = 0.002
# A pair whose differences spread so many times more than those of the median pair lies in two cells.
OUTLIER = 4.0
# How often the swaps are looked for, each time with better expectations; and the weight of the student's expectation,
# that of a pair being 1.
ROUNDS, STUDENT_WEIGHT = 3, 1.0
# Smaller margins, in nats, count as this one, and so do those of rows whose label the model does not give.
SMALLEST_MARGIN = 0.3

# How much each class's score changes from rows to queries, by a student: float64 [b, k].
Expect = Callable[[Arrays, Arrays], Float64s]


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Walk as the label border's plan does, if noise repeats in a cell."""
    counts = [count for count in PAIRS if LABELS + 2 * count <= context.budget]
    keyed = context.noisy and context.noise is NoiseSource.KEYED
    walk = best_walk(context) if counts and keyed else None
    student = distilled(context) if walk is not None else None
    if walk is None or student is None:
        return []
    box = Box(context.inputs)

    def expect(rows: Arrays, queries: Arrays) -> Float64s:
        return (student.scores(box.flat(queries)) - student.scores(box.flat(rows))).astype(np.float64)

    # The first queries are the label border's.
    readings = tuple(
        Reading(f"differences in one cell, {pairs} pairs", LABELS + 2 * pairs, walk.domain, LINE) for pairs in counts
    )
    return [PreparedPlan(readings, partial(_read, walk, counts, expect), walk.name)]


def _read(walk: Walk, counts: list[int], expect: Expect, ask: Ask, rows: Rows) -> Float64s:
    border = find_border(walk, ask, rows, (LABELS,))[0]
    queries = walk.start(rows)
    changes = _changes(ask, queries, border, counts[-1])
    expected = _centred(expect(rows.inputs, queries(border.distance)))
    return np.stack([_log_margin(changes[:pairs], expected, border, rows.y) for pairs in counts])


def _log_margin(changes: Float64s, expected: Float64s, border: Border, y: Int64s) -> Float64s:
    one_cell = _in_one_cell(changes)
    mean = _mean(unswapped(_centred(changes), one_cell, expected, y), one_cell, expected)
    each, others = np.arange(len(y)), mean.copy()
    others[each, y] = -np.inf
    beyond = np.where(border.beyond < 0, others.argmax(axis=1), border.beyond)
    # At the border both logits are equal, so what they change by on the way from the row is the row's margin.
    margin = np.where(border.inside, mean[each, beyond] - mean[each, y], 0)
    # Margins spread by factors, as distances do.
    return np.asarray(np.log(np.maximum(margin, SMALLEST_MARGIN)))


def _changes(ask: Ask, queries: Queries, border: Border, pairs: int) -> Float64s:
    """Measure how the answers change, in units of the whole way to the border: float64 [pairs, b, k]."""
    found = []
    for place in PLACES[:pairs]:
        near = ask.answers(queries(border.distance * (place - APART / 2)))
        far = ask.answers(queries(border.distance * (place + APART / 2)))
        found.append((far.astype(np.float64) - near) / APART)
    return np.stack(found)


def _centred(scores: Float64s) -> Float64s:
    return np.asarray(scores - np.median(scores, axis=-1, keepdims=True))


def _in_one_cell(changes: Float64s) -> Bools:
    """Find the pairs whose two queries have the same noise: bool [pairs, b]."""
    spread = changes.std(axis=2)
    return np.asarray(spread <= OUTLIER * np.median(spread, axis=0))


def unswapped(changes: Float64s, one_cell: Bools, expected: Float64s, y: Int64s) -> Float64s:
    """Give the label's change back to the label.

    Args:
        changes: [pairs, b, k], in each of which the label may have swapped its place with another class.
        one_cell: [pairs, b], which of them count.
        expected: [b, k], by the student.
        y: [b].
    """
    pairs, rows = np.arange(len(changes))[:, None], np.arange(len(y))[None]
    result, mean = changes, expected
    for _ in range(ROUNDS):
        label, expected_label = changes[pairs, rows, y, None], mean[rows, y, None]
        # What a swap of the label with each class would add to the squared error.
        cost = (label - mean) ** 2 + (changes - expected_label) ** 2
        cost -= (label - expected_label) ** 2 + (changes - mean) ** 2
        cost[pairs, rows, y] = 0
        partner = cost.argmin(axis=2)
        result = changes.copy()
        result[pairs, rows, y] = changes[pairs, rows, partner]
        result[pairs, rows, partner] = changes[pairs, rows, y]
        mean = _mean(result, one_cell, expected, STUDENT_WEIGHT)
    return result


def _mean(changes: Float64s, one_cell: Bools, expected: Float64s, weight: float = 1e-9) -> Float64s:
    """Average the pairs that count, and what was expected with a weight: [b, k]."""
    total = np.where(one_cell[:, :, None], changes, 0).sum(axis=0) + weight * expected
    return np.asarray(total / (one_cell.sum(axis=0)[:, None] + weight))


ONE_CELL = QueryPlan("one-cell", "differences in one cell", "new here", prepare)
