"""Look into a graph: compare its logits, and its answers under known noise, with the reference."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import UserError, reason_of
from dynanoise_export.graph.leaks import covers_by_noise
from dynanoise_export.graph.probe import DefenceInput, probe_defence
from dynanoise_export.graph.values import unused_name
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.fixed_batch import any_rows
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import BATCH_ROWS, Predictor, batches
from dynanoise_export.types import Arrays, Floats, row_count
from dynanoise_export.validation import parity_checks
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, not_applicable, not_run
from dynanoise_export.validation.movement import Movement
from dynanoise_export.validation.movement_checks import logits_repeat, measure
from dynanoise_export.validation.noise_reach import DRAWS
from dynanoise_export.validation.score_checks import logits_are_defended

# The checks that need the logits of the graph.
NEED_LOGITS = (
    CheckCode.LOGITS_ARE_DEFENDED,
    CheckCode.MODEL_PARITY,
    CheckCode.SAME_LABELS,
    CheckCode.DEFENCE_PARITY,
)

HALF = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}


@dataclass(frozen=True)
class Inside:
    """What the probe gave.

    Attributes:
        answers: [c, n, k], under known noise; c is 1 unless the noise repeats with the query.
        noise: [c, n, k].
        logits: [n, k], those that the noise is added to, up to a constant for each row.
        scores: [n, k], what the defence takes: the logits, or probabilities of which it takes the logarithm.
        taken: where the scores are in the probe's graph, and whether they are probabilities.
        movement: how far the logits move; None for noise that is fresh anyway.
    """

    answers: Floats
    noise: Floats
    logits: Floats
    scores: Floats
    taken: DefenceInput
    movement: Movement | None


def look_inside(case: Case, graph: Graph) -> Inside:
    """Run the graph's probe on the case's rows.

    Noise that repeats with the query never changes outside of the probe, so it is changed there.

    Raises:
        UserError: no probe can be made of the graph, or it does not run.
    """
    probe, taken = probe_defence(graph.model)
    outputs = probe.model.graph.outputs
    noised = next(value for value in outputs if value.name == probe.logits)
    outputs[:] = [value for value in outputs if value.name == case.model.answers]
    logits, scores = _show(probe.model, noised), _show(probe.model, taken.value)
    draws = DRAWS if case.model.noise is NoiseSource.KEYED else 1
    shape = (draws, row_count(case.rows), case.classes)
    noise = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)

    def fed(one: Floats) -> Arrays:
        return case.rows if probe.noise is None else {**case.rows, probe.noise: one}

    def opened() -> Predictor:
        return any_rows(open_graph(probe.model, case.execution), case.batch)

    def ask(predictor: Predictor, rows: int, size: int) -> Floats:
        few = {name: array[:rows] for name, array in fed(noise[0]).items()}
        return _run(predictor, few, size)[logits]

    with opened() as predictor:
        given = [_run(predictor, fed(one)) for one in noise]
        shown = [one[logits] for one in given]
        # The random noise of a file draws itself anew whatever its logits do.
        repeats = case.model.noise is not NoiseSource.RANDOM
        movement = measure(case, shown, predictor, opened, ask) if repeats else None
    answers = np.stack([one[case.model.answers] for one in given])
    return Inside(answers, noise, shown[0], given[0][scores], taken, movement)


def _show(model: ir.Model, value: ir.Value) -> str:
    """Make a value an output of a graph, as its defence gets it, and name the output.

    A defence casts float16 to float32. ONNX Runtime computes float16 in float32 on the CPU, and rounds what leaves a
    graph, but not what a Cast takes.
    """
    if value.dtype in HALF:
        cast = ir.node("Cast", [value], {"to": ir.DataType.FLOAT.value})
        model.graph.append(cast)
        shape, value = value.shape, cast.outputs[0]
        value.name, value.shape = unused_name(model, "probed"), shape
        value.type = ir.TensorType(ir.DataType.FLOAT)
    if value not in model.graph.outputs:
        model.graph.outputs.append(value)
    return str(value.name)


def _run(predictor: Predictor, rows: Arrays, size: int = BATCH_ROWS) -> dict[str, Floats]:
    """Run the probe on any number of rows, in batches of a size."""
    given = [predictor.run(batch) for batch in batches(rows, size)]
    return {name: np.concatenate([np.asarray(one[name]) for one in given]) for name in given[0]}


def compared(case: Case, inside: Inside) -> Iterator[Check]:
    """Compare the model before its defence with the reference, and the defence with its PyTorch reference."""
    parity, *labels = parity_checks.model_parity(inside.logits, case.expected, case.tolerance, case.floor)
    stated, confirmed = case.model.provenance, case.confirmed and parity.passed
    yield logits_are_defended(
        inside.taken, inside.scores, confirmed=confirmed, treated_as=stated.treated_as if stated else None
    )
    yield parity
    if inside.movement is not None:
        yield logits_repeat(case, inside.movement)
    yield from labels
    answers, noise = inside.answers[0], inside.noise[0]
    tf32 = case.execution.tf32
    yield parity_checks.defence_parity(answers, inside.logits, inside.scores, noise, case.defence, tf32=tf32)
    if case.defence.keep_label:
        yield parity_checks.kept_labels(answers, inside.scores)


def not_compared(case: Case, error: UserError) -> Iterator[Check]:
    """Report that the graph gave no logits to compare.

    That is a matter of course for the flattened form of a defence that adds no noise: nothing marks it in the graph.
    """
    for code in NEED_LOGITS:
        if covers_by_noise(case.defence):
            yield not_run(code, reason_of(error))
        else:
            yield not_applicable(code, "no node of the graph is the defence, and its answers are judged")
