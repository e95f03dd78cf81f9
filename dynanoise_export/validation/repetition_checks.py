"""Do the same queries get the same answers each time: with keyed noise, or with a defence that takes no noise."""

from collections.abc import Iterator

import numpy as np

from dynanoise_export.errors import UserError, reason_of
from dynanoise_export.runtimes.predictor import Predictor, predict
from dynanoise_export.types import Bools, Float64s, Floats
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, Outcome, judge, not_run, warn
from dynanoise_export.validation.movement import Way
from dynanoise_export.validation.parity_checks import on_edges
from dynanoise_export.validation.repeated_answers import Again, Answers
from dynanoise_export.validation.tolerance import jumps

REPEATS = {
    Again.BETWEEN_CALLS: CheckCode.ANSWERS_REPEAT_BETWEEN_CALLS,
    Again.IN_ANOTHER_ORDER: CheckCode.ANSWERS_REPEAT_IN_ANOTHER_ORDER,
    Again.ONE_BY_ONE: CheckCode.ANSWERS_REPEAT_ONE_BY_ONE,
    Again.BETWEEN_THREADS: CheckCode.ANSWERS_REPEAT_BETWEEN_THREADS,
    Again.BETWEEN_SESSIONS: CheckCode.ANSWERS_REPEAT_BETWEEN_SESSIONS,
    Again.BETWEEN_PROCESSES: CheckCode.ANSWERS_REPEAT_BETWEEN_PROCESSES,
}

# More rows would make the check slower and no sharper.
ALONE = 64


def answers_repeat(case: Case, predictor: Predictor, answers: Answers, edge: Bools | None = None) -> Iterator[Check]:
    """Compare the answers to the same queries with those of the first call, in each way that they were sent again.

    Without noise, a second call must give exactly the same answers, unless the logits were seen to move between calls.
    In all other ways a runtime may sum in another order, and the limit is the case's tolerance, or how far logits
    were seen to move.

    Args:
        case: of the model.
        predictor: an open session of it.
        answers: to the case's rows.
        edge: of keyed noise: which queries [n] rounding may put into the next cell, or on another label; None without
            noise.
    """
    limit, jump = case.seen.of_answers(case.defence), jumps(case.defence, case.expected, case.seen)
    yield _from_the_first_call(case, answers, edge, jump)
    again = {Again.BETWEEN_CALLS: answers.calls[1:], Again.IN_ANOTHER_ORDER: answers.put_in_order[None]}
    for way, theirs in (again | dict(answers.others)).items():
        exact = way is Again.BETWEEN_CALLS and edge is None and not case.logits_move(Way.CALL)
        described = "those of the first call"
        if exact:
            yield compare(REPEATS[way], theirs, answers.calls[0], 0, described)
        else:
            yield compare(REPEATS[way], theirs, answers.calls[0], limit, described, edge, jump)
    code = REPEATS[Again.ONE_BY_ONE]
    try:
        alone = np.asarray(
            predict(predictor, case.first(ALONE).rows, case.model.answers, 1, classes=case.classes), dtype=np.float32
        )
    except UserError as error:
        yield not_run(code, reason_of(error))
        return
    few = None if edge is None else edge[:ALONE]
    yield compare(code, alone[None], answers.calls[0][:ALONE], limit, "those in a batch", few, jump[:ALONE])


def _from_the_first_call(case: Case, answers: Answers, edge: Bools | None, jump: Float64s) -> Check:
    """Compare the first call of a session with the later ones: a runtime may choose its algorithms in it."""
    code, limit = CheckCode.ANSWERS_REPEAT_FROM_THE_FIRST_CALL, case.seen.of_answers(case.defence)
    if answers.first is None:
        return not_run(code, "the session had answered before")
    check = compare(code, answers.first[None], answers.calls[0], limit, "those of later calls", edge, jump)
    if check.outcome is not Outcome.FAILED:
        return check
    return warn(code, f"{check.detail} Send a session some rows before it serves: its first call answers otherwise.")


def compare(
    code: CheckCode,
    answers: Floats,
    expected: Floats,
    limit: float,
    described: str,
    edge: Bools | None = None,
    jump: Float64s | None = None,
) -> Check:
    """Check that answers [s, n, k] differ from the expected ones [n, k] by at most a limit.

    Args:
        code: of the check.
        answers: s times the answers to n queries.
        expected: what each of them must be.
        limit: in probability.
        described: what the expected answers are, for people.
        edge: which queries [n] are left out, because they lie on the edge of a cell or of a label; None for none.
        jump: [n], how much farther each answer may differ, in probability; None for no farther.
    """
    differences = np.nan_to_num(np.abs(answers - expected).max(axis=2), nan=np.inf).max(axis=0)
    if jump is not None:
        differences = np.maximum(differences - jump, 0)
    clear = np.ones(len(differences), bool) if edge is None else ~edge
    if not clear.any():
        return not_run(code, f"all {len(clear):,} queries lie on the edge of a cell or of a label")
    worst = float(differences[clear].max())
    detail = f"Answers differ from {described} by at most {worst:.2g}"
    if jump is not None and jump.any():
        detail += " beyond a jump"
    if edge is not None:
        moved = int((differences[edge] > limit).sum())
        detail += (
            f"; {int(edge.sum()):,} of {len(edge):,} queries lie on the edge of a cell or of a label and are left out, "
            f"and {moved:,} of them got the noise of the next cell or another label"
        )
    return judge(code, worst, limit, f"{detail}." + ("" if jump is None else on_edges(jump)))
