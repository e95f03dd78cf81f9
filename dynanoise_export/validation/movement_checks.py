"""Measure how far the logits of a graph move, on the data and where the model is deployed."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from dynanoise_export.runtimes.predictor import BATCH_ROWS, Predictor
from dynanoise_export.types import Floats, row_count
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, judge
from dynanoise_export.validation.movement import Moved, Movement, Way, moved

# The batches that are compared with `BATCH_ROWS`, and how many rows are sent in batches of each size.
OTHER_BATCHES = {1: 64, 7: 252, 250: 500}
# The rows that are sent again in another call and in another session.
AGAIN = 512

# Gives the logits [n, k] of the first rows of the data from a session: how many, and in batches of which size.
Ask = Callable[[Predictor, int, int], Floats]


def measure(
    case: Case,
    calls: list[Floats],
    predictor: Predictor,
    reopen: Callable[[], AbstractContextManager[Predictor]],
    ask: Ask,
) -> Movement:
    """Send the rows again in other calls, batches and sessions.

    Args:
        case: of the model.
        calls: the logits [n, k] of all rows, from the first calls of the session.
        predictor: the session.
        reopen: opens another session of the same graph.
        ask: gives the logits of the first rows: how many, and in batches of which size.

    Raises:
        UserError: the graph does not run.
    """
    count, first = row_count(case.rows), calls[0]

    def compared(others: Iterable[Floats]) -> Moved:
        moves = [moved(other, first[: len(other)], case.tolerance.rtol) for other in others]
        return Moved(max(move.distance for move in moves), max(move.excess for move in moves))

    again = ask(predictor, min(AGAIN, count), BATCH_ROWS)
    batches = (ask(predictor, min(rows, count), size) for size, rows in OTHER_BATCHES.items())
    with reopen() as another:
        session = ask(another, min(AGAIN, count), BATCH_ROWS)
    expected = case.completed(first).expected
    return Movement(
        {
            Way.CALL: compared([*calls[1:], again]),
            Way.BATCH: compared(batches),
            Way.SESSION: compared([session]),
            Way.REFERENCE: moved(expected, first, case.tolerance.rtol) if expected.shape == first.shape else Moved(),
        }
    )


def logits_repeat(case: Case, movement: Movement) -> Check:
    """Check that the logits of a row stay within the tolerance in every call, batch and session."""
    here = {way: move for way, move in movement.by.items() if way is not Way.REFERENCE}
    seen = "; ".join(f"{move.distance:.1e} {way}" for way, move in movement.by.items())
    detail = f"Logits move by at most: {seen}."
    # Each of two may lie on another side of the reference.
    limit = 2 * case.tolerance.atol
    return judge(CheckCode.LOGITS_REPEAT, max(move.excess for move in here.values()), limit, detail)
