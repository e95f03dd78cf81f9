"""Send a model the same queries several times: in calls, threads, sessions and processes."""

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from dynanoise_export.runtimes.answers import joined_answers
from dynanoise_export.runtimes.fixed_batch import rows_at_once
from dynanoise_export.runtimes.new_process import predict_in_new_process
from dynanoise_export.runtimes.predictor import Endpoint, Predictor, predict
from dynanoise_export.types import Array, Arrays, Float32s, Floats, Int64s, Progress, Step, row_count


class Again(StrEnum):
    """How queries that were answered once are sent again; the values are for people."""

    BETWEEN_CALLS = "between calls"
    IN_ANOTHER_ORDER = "in another order"
    ONE_BY_ONE = "one by one"
    BETWEEN_THREADS = "between threads"
    BETWEEN_SESSIONS = "between sessions"
    BETWEEN_PROCESSES = "between processes"


@dataclass(frozen=True)
class Answers:
    """A model's answers to the same n queries, sent several times: probabilities in float32.

    Attributes:
        calls: [c, n, k], c ≥ 2, one after the other in one session, each in the order of the queries.
        permuted: [n, k], from the same session, in another order.
        order: [n]; the i-th query of `permuted` was query `order[i]`.
        others: answers [s, n, k] of other threads, sessions and processes, in the order of the queries. None of them is
            among `calls`.
        batch: how many rows were sent at once; None if all n were.
        first: the answers [n, k] of the session's first call; None if it is among `calls`.
    """

    calls: Floats
    permuted: Floats
    order: Int64s
    others: Mapping[Again, Floats] = field(default_factory=dict)
    batch: int | None = None
    first: Floats | None = None

    def warmed_up(self) -> "Answers":
        """Set the first call of the session apart from the later ones."""
        return replace(self, calls=self.calls[1:], first=self.calls[0])

    @property
    def put_in_order(self) -> Floats:
        """The answers of `permuted` in the order of the queries, [n, k]."""
        return self.permuted[np.argsort(self.order)]


def query_repeatedly(endpoint: Endpoint, rows: Arrays, output: str, calls: int, progress: Progress) -> Answers:
    """Send a model the same queries in every way of `Again`, except one by one.

    Args:
        endpoint: where it runs.
        rows: n rows for each input.
        output: the name of the answers.
        calls: how often to send them in one session and in their order.
        progress: called before each time.

    Raises:
        UserError: the model can't be opened or run.
    """
    done, total = itertools.count(), calls + 5
    batch = rows_at_once(endpoint)
    what = f"Querying the model with {row_count(rows):,} rows"

    def once(predictor: Predictor, sent: Arrays = rows) -> Float32s:
        progress(Step(what, next(done), total, "calls"))
        answers = _float32(predict(predictor, sent, output, batch))
        joined_answers([process, answers], output, "The model")  # or two calls could not be compared
        return answers

    with endpoint.open() as here:
        progress(Step(what, next(done), total, "calls"))
        process = _float32(predict_in_new_process(endpoint, rows, output))
        own = [once(here) for _ in range(calls)]
        order = np.random.default_rng(0).permutation(row_count(rows))
        permuted = once(here, {name: array[order] for name, array in rows.items()})
        threads = _in_threads(lambda: once(here))
        with endpoint.open() as another:
            session = once(another)
    others = {
        Again.BETWEEN_THREADS: threads,
        Again.BETWEEN_SESSIONS: session[None],
        Again.BETWEEN_PROCESSES: process[None],
    }
    return Answers(np.stack(own), permuted, order, others, batch if row_count(rows) > batch else None)


def _in_threads(once: Callable[[], Float32s]) -> Float32s:
    with ThreadPoolExecutor(2) as pool:
        return np.stack([future.result() for future in [pool.submit(once) for _ in range(2)]])


def _float32(answers: Array) -> Float32s:
    return np.asarray(answers, dtype=np.float32)
