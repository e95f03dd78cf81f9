"""Amplified: the row multiplied by a number, or moved away from the mean row, one query each.

The logits of a network of ReLUs grow with its inputs, and the noise of a defence does not.
"""

from dataclasses import dataclass

import numpy as np

from dynanoise_export.attacks.asking.measuring import BLOCK
from dynanoise_export.attacks.domain import Domain, float_inputs
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
from dynanoise_export.errors import EndpointError
from dynanoise_export.types import Array, Arrays, Float64s, Floats

SCALES = (2, 4, 8, 16, 32, 64, 128)
# Without shadow models nothing tells where a model's answers stop being sound, so these are moderate.
USUAL = (2, 8)
# So many of the strongest ones are asked: each costs a query to every model.
CHOSEN = 3


@dataclass(frozen=True)
class Stretch:
    """A way to amplify rows: centre + scale · (row − centre).

    Attributes:
        name: for reports.
        scale: at least 1.
        centre: a row for each input that is amplified, float64.
    """

    name: str
    scale: float
    centre: dict[str, Float64s]

    def __call__(self, rows: Arrays, scale: float) -> dict[str, Array]:
        """Amplify rows, by its own scale or by another one."""
        return {
            name: _moved(array, self.centre[name], scale) if name in self.centre else array
            for name, array in rows.items()
        }


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Choose the scales on the panel: the strongest ones to which its models have finite answers."""
    floats = float_inputs(context.inputs)
    if not floats or not context.allows(Domain.ANY):
        return []
    means = {name: np.asarray(context.inputs[name].mean(axis=0, dtype=np.float64)) for name in floats}
    zeros = {name: np.zeros_like(mean) for name, mean in means.items()}
    kinds = [("s·x, s = {}", zeros), ("mean + s·(x − mean), s = {}", means)]
    scales = USUAL if context.panel is None else SCALES
    stretches = [Stretch(words.format(scale), scale, centre) for words, centre in kinds for scale in scales]
    if context.panel is not None:
        stretches = _strongest(context.panel, context.inputs, stretches)
    return [plan_of(stretches)] if stretches else []


def _strongest(panel: Panel, inputs: Arrays, stretches: list[Stretch]) -> list[Stretch]:
    first = {name: array[:BLOCK] for name, array in inputs.items()}
    sound = [stretch for stretch in stretches if _finite(panel, stretch(first, stretch.scale))]
    if not sound:
        return []
    best = np.argsort(-panel.strength(plan_of(sound)), kind="stable")[:CHOSEN]
    return [sound[number] for number in sorted(best)]


def _finite(panel: Panel, inputs: Arrays) -> bool:
    try:
        return all(np.isfinite(panel.logits(model, inputs)).all() for model in range(len(panel)))
    except EndpointError:
        return False


def plan_of(stretches: list[Stretch]) -> PreparedPlan:
    """Send each row amplified in several ways, and read the margins divided by the scales."""
    readings = tuple(Reading(stretch.name, 1, Domain.ANY, stretch.name) for stretch in stretches)
    settings = "; ".join(stretch.name for stretch in stretches)
    return PreparedPlan(readings, lambda ask, rows: np.stack([_read(ask, rows, one) for one in stretches]), settings)


def _read(ask: Ask, rows: Rows, stretch: Stretch) -> Float64s:
    """Read the margin, divided by the scale.

    A model may fail on huge inputs where shadow models did not, for example because it computes in float16. It then
    gets half the scale, so that its readings stay comparable.
    """
    scale = stretch.scale
    while scale > 1:
        answers = _finite_answers(ask, stretch(rows.inputs, scale))
        if answers is not None:
            return margin(answers, rows.y) / scale
        scale /= 2
    return margin(ask.answers(rows.inputs), rows.y)


def _finite_answers(ask: Ask, inputs: Arrays) -> Floats | None:
    try:
        answers = ask.answers(inputs)
    except EndpointError:
        return None
    return answers if np.isfinite(answers).all() else None


def _moved(array: Array, centre: Float64s, scale: float) -> Array:
    largest = float(np.finfo(array.dtype.name).max)
    moved = centre + scale * (array.astype(np.float64) - centre)
    return np.asarray(np.clip(moved, -largest, largest).astype(array.dtype))


AMPLIFIED = QueryPlan("amplified", "amplified inputs", "this project", prepare)
