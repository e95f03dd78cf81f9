"""Generator prediction: noise of `random` in ONNX Runtime on the CPU, predicted and taken off.

An attacker asks one row many times, finds the state of the generator in the answers, and then knows the noise of all
answers that follow, as long as nobody else draws from the generator.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from dynanoise_export.attacks.queries.generator_state import find_state
from dynanoise_export.attacks.queries.normal_generator import predict
from dynanoise_export.attacks.queries.query_plan import Ask, PlanContext, PreparedPlan, QueryPlan, Reading, Rows, margin
from dynanoise_export.attacks.queries.swapped_labels import noise_taken_off
from dynanoise_export.defences.base import NoiseLaw
from dynanoise_export.errors import UsageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Arrays, Float32s, Float64s, Floats, Int64s, row_count

# Queries that are sent together: a whole number of batches, whatever batch the model takes, if that is a power of two.
TOGETHER = 256
# Each row is asked twice. The state is looked for in the answers to one row; if it is not found, to another one.
ANSWERS, ROWS_TRIED = 2, 3
# These, and each row's share of the queries that reveal the state.
QUERIES = ANSWERS + 1


@runtime_checkable
class OwnModel(Protocol):
    """A model of the attacker's own: he sees its logits."""

    def logits(self, inputs: Arrays) -> Floats:
        """Ask it without the defence: logits [b, k]."""


def prepare(context: PlanContext) -> list[PreparedPlan]:
    """Ask each row twice, after the generator's state was found; not for other noise, or a defence without a law."""
    defence = context.defence
    law = None if defence is None else defence.law
    if defence is None or law is None or context.noise is not NoiseSource.RANDOM or context.budget < QUERIES:
        return []
    reading = Reading("the row itself, noise predicted", QUERIES, context.domain, "generator-prediction")
    return [PreparedPlan((reading,), lambda ask, rows: _read(ask, rows, law, defence.keep_label))]


def _read(ask: Ask, rows: Rows, law: NoiseLaw, kept: bool) -> Float64s:
    # A shadow model draws its noise elsewhere, and the attacker needs no prediction for it.
    logits = ask.logits(rows.inputs) if isinstance(ask, OwnModel) else _predicted(ask, rows.inputs, law, kept)
    return margin(logits, rows.y)[None]


def _predicted(ask: Ask, inputs: Arrays, law: NoiseLaw, kept: bool) -> Float64s:
    """Recover the logits [b, k] of rows, up to a constant for each.

    Raises:
        UsageError: no state of the generator explains the answers.
    """
    count = row_count(inputs)
    filled = _taken(inputs, np.resize(np.arange(count), TOGETHER))
    for row in np.linspace(0, count - 1, ROWS_TRIED, dtype=np.int64):
        own = ask.answers(_taken(inputs, np.full(TOGETHER, row)))
        for rows_of_call in _layouts(own):
            state = find_state(np.split(own, len(own) // rows_of_call))
            if state is None:
                continue
            answers = np.stack([ask.answers(filled) for _ in range(ANSWERS)])
            noise = _noise(state, answers, rows_of_call)
            logits = noise_taken_off(answers[:, :count], noise[:, :count], law, kept=kept)
            if logits is not None:
                return logits
    raise UsageError(
        "The noise can't be predicted, because it does not come from ONNX Runtime on the CPU under Linux or because "
        "others draw from the same generator: leave out the query plan generator-prediction."
    )


def _layouts(answers: Floats) -> list[int]:
    """List how many rows a call may have: it matters only if a single row leaves half a pair of normals."""
    return [TOGETHER, 1] if answers.shape[1] % 2 else [TOGETHER]


def _noise(state: int, answers: Floats, rows_of_call: int) -> Float32s:
    calls = [(rows_of_call, answers.shape[2])] * (ANSWERS * TOGETHER // rows_of_call)
    return np.concatenate(list(predict(state, calls))).reshape(answers.shape)


def _taken(inputs: Arrays, numbers: Int64s) -> Arrays:
    return {name: np.ascontiguousarray(array[numbers]) for name, array in inputs.items()}


GENERATOR_PREDICTION = QueryPlan("generator-prediction", "generator prediction", "this project", prepare, opt_in=True)
