"""Constant queries: what a model answers to blank inputs and to noise, which are the same for all rows.

They show how much the model favours each class by itself. The row's answer is read less a part of that.
"""

from dataclasses import dataclass

import numpy as np

from dynanoise_export.attacks.domain import Domain, float_inputs
from dynanoise_export.attacks.queries.query_plan import (
    SEED,
    Ask,
    PlanContext,
    PreparedPlan,
    QueryPlan,
    Reading,
    Rows,
    margin,
)
from dynanoise_export.types import Array, Float64s, Int64s

# How many inputs of noise are sent to each model.
INPUTS = 16
# Which part of a class's margin on the constants is taken off; without a panel the usual one.
PARTS, USUAL_PART = (0.25, 0.5, 1.0), 0.25


@dataclass(frozen=True)
class Constants:
    """Inputs that do not depend on the row.

    Attributes:
        name: for reports.
        domain: theirs.
        inputs: an array for each input of the model.
    """

    name: str
    domain: Domain
    inputs: dict[str, Array]


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Choose on the panel which part of the constants' answers is taken off."""
    constants = [one for one in _constants(context) if context.allows(one.domain)]
    chosen = []
    for one in constants:
        part = USUAL_PART
        if context.panel is not None:
            part = PARTS[int(context.panel.strength(_plan([(one, part) for part in PARTS])).argmax())]
        chosen.append((one, part))
    return [_plan(chosen)] if chosen else []


def _constants(context: PlanContext) -> list[Constants]:
    """Make blank inputs, and noise: each number of it is that of a random row, so that it stays in the rows' domain."""
    floats = float_inputs(context.inputs)
    if not floats:
        return []
    generator = np.random.default_rng(SEED)
    some = generator.integers(len(context.y), size=INPUTS)
    whole = {name: array[some] for name, array in context.inputs.items()}
    noise = whole | {name: _mixed(context.inputs[name], generator) for name in floats}
    blank = {name: array[:2] for name, array in whole.items()}
    blank |= {name: _blank(context.inputs[name]) for name in floats}
    return [Constants("noise", context.domain, noise), Constants("blank inputs", Domain.ANY, blank)]


def _mixed(array: Array, generator: np.random.Generator) -> Array:
    chosen = generator.integers(len(array), size=(INPUTS, *array.shape[1:]))
    return np.asarray(np.take_along_axis(array, chosen, axis=0))


def _blank(array: Array) -> Array:
    """Make an input of zeros and the mean row."""
    mean = array.mean(axis=0, dtype=np.float64)
    return np.stack([np.zeros_like(mean), mean]).astype(array.dtype)


def _plan(chosen: list[tuple[Constants, float]]) -> PreparedPlan:
    names = [f"the row itself less {part:g} of {one.name}" for one, part in chosen]
    readings = tuple(Reading(name, 1, one.domain, "repeats") for name, (one, _) in zip(names, chosen, strict=True))
    return PreparedPlan(readings, lambda ask, rows: _read(ask, rows, chosen), "; ".join(names))


def _read(ask: Ask, rows: Rows, chosen: list[tuple[Constants, float]]) -> Float64s:
    own = margin(ask.answers(rows.inputs), rows.y)
    return np.stack([own - part * _favour(ask, one, rows.y) for one, part in chosen])


def _favour(ask: Ask, constants: Constants, y: Int64s) -> Float64s:
    """Compute how much the model favours each row's label: its mean margin on the constants, [b]."""
    answers = ask.answers(constants.inputs)
    classes, places = np.unique(y, return_inverse=True)
    margins = [margin(answers, np.full(len(answers), one)).mean() for one in classes]
    return np.array(margins)[places]


CONSTANT_QUERIES = QueryPlan("constant-queries", "constant queries", "this project", prepare)
