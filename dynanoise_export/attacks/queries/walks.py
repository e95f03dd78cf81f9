"""Walks: a way from each row of a bundle across the border of its label, along which an attacker places his queries."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from scipy.special import logit

from dynanoise_export.attacks.asking.measuring import BLOCK, rows_of
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.query_plan import Ask, Panel, PlanContext, PreparedPlan, Reading, Rows
from dynanoise_export.attacks.row_samples import row_sample
from dynanoise_export.types import Array, Arrays, Bools, Float64s, Floats, Int64s

# So many models of the panel say where the border of a row's label is likely to be, with so many labels each.
MODELS, LABELS = 4, 6
# Walks are compared by what so many labels tell.
COMPARED = 7
# The rows on which a walk is calibrated, with how many labels each; and the shortest and longest distance to a border
# that is told apart, as a factor of the median.
SAMPLE, SAMPLE_LABELS, FACTOR = 256, 10, 16.0
# The logistic law of standard deviation 1 has this scale.
LOGISTIC = 3**0.5 / np.pi

# A distance for each of b rows to b queries.
Queries = Callable[[Float64s], dict[str, Array]]


Found = TypeVar("Found")


def once(find: Callable[[PlanContext], Found]) -> Callable[[PlanContext], Found]:
    """Remember what a function found for a context as long as the context lives, for plans have much in common."""
    known: WeakKeyDictionary[PlanContext, Found] = WeakKeyDictionary()

    @wraps(find)
    def found(context: PlanContext) -> Found:
        if context not in known:
            known[context] = find(context)
        return known[context]

    return found


@dataclass(frozen=True)
class Walk:
    """A way to walk away from rows.

    Attributes:
        name: for people.
        domain: the narrowest domain that holds the queries.
        start: prepares a block of rows: a distance for each of them gives the queries.
        low, high: the shortest and the longest distance.
        centre, spread: float64 [n], of the logarithm of the distance to the border, by shadow models; None if unknown.
    """

    name: str
    domain: Domain
    start: Callable[[Rows], Queries]
    low: float
    high: float
    centre: Float64s | None = None
    spread: Float64s | None = None

    def distance(self, share: Float64s, numbers: Int64s) -> Float64s:
        """Find the distance that a border is expected within, by probability; between 0 and 1, [b] to [b]."""
        low, high = np.log(self.low), np.log(self.high)
        if self.centre is None or self.spread is None:
            return np.asarray(np.exp(low + share * (high - low)))
        # A logistic law has wider tails than a normal one: a border that is far from the expected one is found too.
        expected = self.centre[numbers] + self.spread[numbers] * LOGISTIC * logit(share)
        return np.asarray(np.exp(np.clip(expected, low, high)))


@dataclass(frozen=True)
class Border:
    """Where b rows cross the border of their label.

    Attributes:
        distance: float64 [b].
        beyond: int64 [b], the label on the other side; -1 if no answer had another label.
        inside: bool [b], whether any answer had the row's label.
    """

    distance: Float64s
    beyond: Int64s
    inside: Bools


# What was found on a model, so that plans that begin alike ask it once; a walk is kept as long as its number is a key.
_KNOWN: WeakKeyDictionary[Ask, dict[tuple[int, bytes], tuple[Walk, list[Border]]]] = WeakKeyDictionary()


def find_border(walk: Walk, ask: Ask, rows: Rows, counts: tuple[int, ...]) -> list[Border]:
    """Bisect to the border of each row's label, which is taken for the only one on the walk.

    Args:
        walk: how to leave the rows.
        ask: the model.
        rows: b of them.
        counts: after how many labels to look, in increasing order.

    Returns:
        The border after each count. Where no answer has the label of the row it is half as near as the nearest query,
        measured by probability.
    """
    known = _KNOWN.setdefault(ask, {}).setdefault((id(walk), rows.numbers.tobytes()), (walk, []))[1]
    if len(known) < counts[-1]:
        known[:] = _bisected(walk, ask, rows, counts[-1])
    return [known[count - 1] for count in counts]


def _bisected(walk: Walk, ask: Ask, rows: Rows, labels: int) -> list[Border]:
    """Bisect, and keep what is known after each label."""
    queries = walk.start(rows)
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    beyond, found = np.full(len(rows), -1), []
    for _ in range(labels):
        middle = (low + high) / 2
        answered = ask.answers(queries(walk.distance(middle, rows.numbers))).argmax(axis=1)
        inside = answered == rows.y
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        beyond = np.where(inside, beyond, answered)
        found.append(Border(walk.distance((low + high) / 2, rows.numbers), beyond, low > 0))
    return found


def border_plan(walk: Walk, counts: tuple[int, ...], line: str, what: str) -> PreparedPlan:
    """Make the plan that reads the logarithm of the distance to the border, from labels alone.

    Args:
        walk: how to leave the rows.
        counts: how many labels each reading takes.
        line: of the readings.
        what: the readings' name.
    """
    readings = tuple(Reading(f"{what}, {count} labels", count, walk.domain, line, labels_only=True) for count in counts)

    def read(ask: Ask, rows: Rows) -> Float64s:
        # Distances spread by factors: their logarithms have the same variance near and far.
        return np.stack([np.log(border.distance) for border in find_border(walk, ask, rows, counts)])

    return PreparedPlan(readings, read, walk.name)


def best_of(walks: list[Walk], context: PlanContext) -> Walk | None:
    """Choose the walk that tells members best, by shadow models that play the target; the first one without any."""
    panel = context.panel
    if panel is None or not walks:
        return walks[0] if walks else None
    walks = [calibrated(walk, context) for walk in walks]
    if len(walks) > 1:
        plans = [border_plan(walk, (COMPARED,), "", "") for walk in walks]
        walks = [walks[int(np.argmax([panel.strength(plan)[0] for plan in plans]))]]
    return expecting(walks[0], context)


def calibrated(walk: Walk, context: PlanContext) -> Walk:
    """Narrow the range of a walk's distances to where shadow models have their borders."""
    if context.panel is None:
        return walk
    chosen = row_sample(len(context.y), SAMPLE)
    distances = _panel_distances(walk, context, context.panel, chosen, SAMPLE_LABELS)
    crossed = distances[(distances > walk.low * 1.1) & (distances < walk.high / 1.1)]
    if not len(crossed):
        return walk
    median = float(np.median(crossed))
    return replace(walk, low=max(walk.low, median / FACTOR), high=min(walk.high, median * FACTOR))


def expecting(walk: Walk, context: PlanContext) -> Walk:
    """Let shadow models say where the border of each row's label is likely to be, so that few labels find it."""
    if context.panel is None:
        return walk
    logs = np.log(_panel_distances(walk, context, context.panel, np.arange(len(context.y)), LABELS))
    variance = logs.var(axis=0)
    # A few models measure a variance badly: that of all rows is added, so that no row is sure.
    return replace(walk, centre=logs.mean(axis=0), spread=np.sqrt(variance + variance.mean()))


@dataclass(frozen=True)
class _Undefended:
    """Asks a model of the panel without the defence."""

    panel: Panel
    model: int

    def answers(self, inputs: Arrays) -> Floats:
        return self.panel.logits(self.model, inputs)

    def mean(self, inputs: Arrays, count: int) -> Floats:
        return self.answers(inputs)


def _panel_distances(walk: Walk, context: PlanContext, panel: Panel, chosen: Int64s, labels: int) -> Float64s:
    """Measure the distance to the border of chosen rows for models of the panel: float64 [models, rows]."""
    found = []
    for model in range(min(MODELS, len(panel))):
        ask = _Undefended(panel, model)
        parts = []
        for start in range(0, len(chosen), BLOCK):
            rows = rows_of(context.inputs, context.y, chosen[start : start + BLOCK])
            parts.append(find_border(walk, ask, rows, (labels,))[0].distance)
        found.append(np.concatenate(parts))
    return np.stack(found)
