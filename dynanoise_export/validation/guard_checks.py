"""Does the guard on the inputs hold: outside its domain a query gets the answer to the guarded one."""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import UserError, reason_of
from dynanoise_export.graph.defence_form import UnknownFormError
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.twin import make_twin
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.fixed_batch import any_rows
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import Predictor, predict
from dynanoise_export.types import Array, Arrays, Float32s, row_count
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, Outcome, failed, judge, not_applicable, not_run, passed
from dynanoise_export.validation.input_noise_checks import with_normals
from dynanoise_export.validation.movement import Way
from dynanoise_export.validation.noise_audit import audit_once

NO_GUARD = "the model states no guard on its inputs"
UNSEEN = "the graph can't be seen, so the answers are judged"
# Queries outside: these times the row, and so far beside it; the others are no finite numbers.
TIMES, BESIDE = (64.0, -64.0, 1.5), 3.0
NOT_FINITE = (np.nan, np.inf, -np.inf)
# Every so many numbers of a row are not finite.
SPARSE = 4


def nothing_but_the_guard(case: Case, graph: Graph) -> Check:
    """Check that the graph's inputs go through the stated guard, and that nothing else uses them."""
    code, guard = CheckCode.NOTHING_BUT_THE_GUARD, case.model.guard
    if guard is None:
        return not_applicable(code, NO_GUARD)
    try:
        difference = compare_guard(graph.model, guard).difference
    except UnknownFormError as unknown:
        return not_run(code, str(unknown))
    if difference is not None:
        return failed(code, f"The file is not as its guard was attached: {difference}.")
    return passed(code, f"The model sees {', '.join(guard.bounds)} through the stated guard {guard.kind} alone.")


def unseen_guard(case: Case) -> Check:
    """Report that a plan and a server have no graph to compare."""
    return not_applicable(CheckCode.NOTHING_BUT_THE_GUARD, NO_GUARD if case.model.guard is None else UNSEEN)


def guard_holds(case: Case, few: Case, predictor: Predictor) -> Iterator[Check]:
    """Send queries outside the domain of the guard, and the guarded ones: they must get the same answers.

    Args:
        case: of the model.
        few: the same with fewer rows.
        predictor: an open session of it.
    """
    guard, graph = case.model.guard, case.model.graph
    if guard is None:
        yield not_applicable(CheckCode.GUARD_HOLDS, NO_GUARD)
        yield not_applicable(CheckCode.GUARD_LEAVES_ROWS, NO_GUARD)
        return
    queries = beyond(guard, few.rows)
    guarded = guard.apply(queries)
    fresh = case.defence.takes_noise and case.model.noise is NoiseSource.RANDOM
    try:
        if not fresh:
            sent = [with_normals(few, rows, 0) for rows in (queries, guarded)]
            yield _holds(few, *(_answers(few, predictor, rows) for rows in sent))
        elif graph is None:
            yield _by_its_noise(case, guard, predictor)
        else:
            yield _holds(few, *(_fed_answers(few, graph.model, rows) for rows in (queries, guarded)))
    except UserError as error:
        yield not_run(CheckCode.GUARD_HOLDS, reason_of(error))
    yield _leaves_rows(few, graph, guard)


def beyond(guard: Guard, rows: Arrays) -> dict[str, Array]:
    """Make queries of rows that lie outside the domain of a guard: multiplied, moved, and not finite."""
    return {name: _beyond(array) if name in guard.bounds else array for name, array in rows.items()}


def moved_outside(guard: Guard, rows: Arrays) -> dict[str, Array]:
    """Move the numbers of rows out of the domain of a guard, as far as the guarded rows stay the same."""
    guarded = guard.apply(rows)
    moved = dict(rows)
    for direction in (-1, 1):
        pushed = {name: _pushed(rows[name], direction) for name in guard.bounds}
        again = guard.apply({**rows, **pushed})
        for name in guard.bounds:
            moved[name] = np.where(again[name] == guarded[name], pushed[name], moved[name])
    return moved


def _beyond(array: Array) -> Array:
    generator = np.random.default_rng(0)
    times = np.resize(TIMES, len(array)).reshape(-1, *[1] * (array.ndim - 1))
    beside = BESIDE * generator.standard_normal(array.shape)
    queries = (array.astype(np.float64) * times + beside).clip(*_largest(array))
    flat = queries.reshape(len(queries), -1)
    flat[:: len(TIMES) + 1, ::SPARSE] = np.resize(NOT_FINITE, flat[:: len(TIMES) + 1, ::SPARSE].shape)
    return np.asarray(queries, array.dtype)


def _largest(array: Array) -> tuple[float, float]:
    largest = float(np.finfo(array.dtype.name).max)
    return -largest, largest


def _pushed(array: Array, direction: int) -> Array:
    """Move the numbers of an array by a step that is large beside them, in its type."""
    numbers = array.astype(np.float64)
    pushed: Array = (numbers + direction * max(TIMES) * (1 + np.abs(numbers).max())).astype(array.dtype)
    return pushed


def _holds(case: Case, answers: Float32s, expected: Float32s) -> Check:
    difference = float(np.nan_to_num(np.abs(answers - expected), nan=np.inf).max())
    detail = (
        f"Outside its domain, {len(answers):,} queries get the answers to the guarded ones, up to {difference:.2g}."
    )
    return judge(CheckCode.GUARD_HOLDS, difference, case.same_again(Way.CALL), detail)


def _by_its_noise(case: Case, guard: Guard, predictor: Predictor) -> Check:
    """Recover fresh noise from the answers to queries outside, by the logits of the guarded ones."""
    code, law = CheckCode.GUARD_HOLDS, case.defence.law
    queries = moved_outside(guard, case.rows)
    outside = [name for name in guard.bounds if not np.array_equal(queries[name], case.rows[name])]
    if law is None or not outside:
        reason = "the law of the noise is not known" if law is None else "no row can be moved out of the domain"
        return not_run(code, f"the graph can't be seen, the noise is fresh, and {reason}")
    answers = _answers(case, predictor, queries)
    checks = audit_once(case.expected, answers, law, case.batch, keep_label=case.defence.keep_label)
    wrong = [check.name for check in checks if check.outcome is Outcome.FAILED]
    detail = f"Outside its domain, the noise on the guarded queries' logits fails {len(wrong)} checks"
    return judge(code, len(wrong), 0, f"{detail}{': ' if wrong else ''}{', '.join(wrong)}.")


def _leaves_rows(case: Case, graph: Graph | None, guard: Guard) -> Check:
    """Check that rows inside the domain get the answers of the graph without the guard."""
    code, inside = CheckCode.GUARD_LEAVES_ROWS, guard.apply(case.rows)
    if guard.copies > 1:
        return not_applicable(code, f"the model answers {guard.copies} copies of each row, so every answer is another")
    if graph is None:
        return not_applicable(code, UNSEEN)
    try:
        compared = compare_guard(graph.model, guard)
        if compared.difference is not None:
            return not_run(code, "the guard can't be taken out of the graph")
        answers, without = (_fed_answers(case, model, inside) for model in (graph.model, compared.without))
    except UnknownFormError as unknown:
        return not_run(code, str(unknown))
    except UserError as error:
        return not_run(code, reason_of(error))
    difference = float(np.nan_to_num(np.abs(answers - without), nan=np.inf).max())
    detail = f"Inside its domain, answers differ from those of the graph without the guard by {difference:.2g}."
    return judge(code, difference, case.same_again(Way.CALL, Way.SESSION), detail)


def _fed_answers(case: Case, model: ir.Model, rows: Arrays) -> Float32s:
    """Run a graph without optimisations, with the same noise fed in the place of its own."""
    copy = model.clone()
    fed = dict(rows)
    if case.defence.takes_noise:
        shape = (row_count(rows), case.classes)
        fed[make_twin(copy)] = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    with any_rows(open_graph(copy, case.execution, light=True), case.batch) as predictor:
        return _answers(case, predictor, fed)


def _answers(case: Case, predictor: Predictor, rows: Arrays) -> Float32s:
    name, classes = case.model.name, case.classes
    return np.asarray(predict(predictor, rows, case.model.answers, name=name, classes=classes), np.float32)
