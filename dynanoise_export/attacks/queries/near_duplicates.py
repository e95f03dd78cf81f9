"""Near-duplicates: neighbours of the row, with the mean of their answers, and the share of them with the row's label.

Noise that repeats with a query does not repeat with its neighbours, so their mean removes it. The share of the labels
grows with the distance to the border of the label, which no defence that keeps labels can hide.
"""

import numpy as np

from dynanoise_export.attacks.queries.neighbours import Neighbourhood, neighbourhoods
from dynanoise_export.attacks.queries.query_plan import (
    Ask,
    Panel,
    PlanContext,
    PreparedPlan,
    QueryPlan,
    Reading,
    Rows,
    margin,
)
from dynanoise_export.types import Float64s

COUNTS = (4, 16, 64, 256)
# So many neighbours compare the distances: more would take the panel minutes.
SEARCHED = 4
# The panel's AUC is no more exact than this: a smaller gain is not worth as many queries again.
WORTH = 0.01


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Choose the distances on the panel, one if it serves the mean and the labels alike.

    Neighbours outside the domain of the rows are sent only where the panel finds them stronger than those inside it.
    """
    # A quarter of the budget, so that the queries of other plans fit beside these in a fusion.
    most = max(COUNTS[0], context.budget // 4)
    counts = [count for count in COUNTS if count <= min(most, context.budget)]
    ways = neighbourhoods(context)
    if not counts or not ways:
        return []
    if context.panel is None:
        return [_plan(ways[0], distance, counts) for distance in ways[0].usual]
    strengths = [_search(context.panel, way, min(SEARCHED, context.budget)) for way in ways]
    inside = _best(strengths[0])
    chosen = [
        (way, distance)
        for way, found in zip(ways, strengths, strict=True)
        if way is ways[0] or (_best(found) > inside + WORTH).any()
        for distance in _distances(found)
    ]
    return [_plan(way, distance, counts) for way, distance in chosen]


def share_of_labels(hits: Float64s, count: int) -> Float64s:
    """Compute the log-odds of the share of neighbours with the row's label, smoothed by half a neighbour on each side.

    Args:
        hits: [b], how many neighbours have it.
        count: of how many.
    """
    return np.asarray(np.log((hits + 0.5) / (count - hits + 0.5)))


def _search(panel: Panel, way: Neighbourhood, count: int) -> dict[float, Float64s]:
    """Climb from the middle distance until the best one for the mean and the best one for the labels are found.

    Returns:
        For each distance that was tried the strength of the mean and of the labels, [2].
    """
    found: dict[float, Float64s] = {}
    wanted = {len(way.distances) // 2}
    while wanted:
        for number in wanted:
            distance = way.distances[number]
            found[distance] = panel.strength(_plan(way, distance, [count]))
        best = [way.distances.index(max(found, key=lambda distance: found[distance][one])) for one in range(2)]
        near = {number + by for number in best for by in (-1, 1)}
        wanted = {number for number in near if 0 <= number < len(way.distances) and way.distances[number] not in found}
    return found


def _best(strengths: dict[float, Float64s]) -> Float64s:
    return np.asarray(np.stack(list(strengths.values())).max(axis=0))


def _distances(strengths: dict[float, Float64s]) -> list[float]:
    """Choose one distance for the mean and the labels, or one for each if no distance is good for both.

    Of good distances the longest is taken: it gains the most from more neighbours than the panel was asked about.
    """
    good = {distance: found >= _best(strengths) - WORTH for distance, found in strengths.items()}
    both = [distance for distance, found in good.items() if found.all()]
    if both:
        return [max(both)]
    return [max(distance for distance, found in good.items() if found[one]) for one in range(2)]


def _plan(way: Neighbourhood, distance: float, counts: list[int]) -> PreparedPlan:
    where = way.unit.format(distance)
    line = f"near-duplicates, {way.domain}, {where}"
    readings = []
    for count in counts:
        readings.append(Reading(f"mean of {count} near-duplicates, {where}", count, way.domain, line))
        readings.append(
            Reading(f"labels of {count} near-duplicates, {where}", count, way.domain, line, labels_only=True)
        )
    return PreparedPlan(tuple(readings), lambda ask, rows: _read(ask, rows, way, distance, counts), line)


def _read(ask: Ask, rows: Rows, way: Neighbourhood, distance: float, counts: list[int]) -> Float64s:
    generator = rows.generator()
    total, hits, found = np.zeros(0), np.zeros(len(rows)), []
    for number in range(1, counts[-1] + 1):
        answers = ask.answers(way.move(rows.inputs, distance, generator)).astype(np.float64)
        total = answers if number == 1 else total + answers
        hits += answers.argmax(axis=1) == rows.y
        if number in counts:
            found += [margin(total / number, rows.y), share_of_labels(hits, number)]
    return np.stack(found)


NEAR_DUPLICATES = QueryPlan(
    "near-duplicates", "near-duplicates and their labels", "Choquette-Choo et al. 2021", prepare
)
