"""Ask a defended model the same queries again and again: in calls, sessions, threads and processes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from dynanoise_export.runtimes.new_process import predict_in_new_process
from dynanoise_export.runtimes.predictor import ROWS_AT_ONCE, Arrays, Endpoint, Predictor, predict, rows_of
from dynanoise_export.validation.noise_audit import Answers

SESSIONS, PROCESSES, THREADS = "between sessions", "between processes", "between threads"

Floats = npt.NDArray[np.floating]


def ask(place: Endpoint, rows: Arrays, output: str, calls: int, progress: Callable[[str], None]) -> Answers:
    """Ask a model that draws its own noise.

    Args:
        place: where it runs.
        rows: n rows for each input.
        output: the name of the answers.
        calls: how often to ask in one session and in the order of the rows.
        progress: told of each call.
    """

    def once(predictor: Predictor, where: str, sent: Arrays = rows) -> Floats:
        progress(f"Asking {rows_of(rows):,} rows {where}")
        return _floats(predict(predictor, sent, output))

    here = place.open()
    progress(f"Asking {rows_of(rows):,} rows in another process")
    another_process = _floats(predict_in_new_process(place, rows, output))
    order = np.random.default_rng(0).permutation(rows_of(rows))
    return Answers(
        calls=np.stack([once(here, f"(call {call + 1} of {calls})") for call in range(calls)]),
        permuted=once(here, "in another order", {name: array[order] for name, array in rows.items()}),
        order=order,
        elsewhere={
            THREADS: _in_threads(lambda: once(here, "from two threads at once")),
            SESSIONS: once(place.open(), "in another session")[None],
            PROCESSES: another_process[None],
        },
        batch=ROWS_AT_ONCE if rows_of(rows) > ROWS_AT_ONCE else None,
    )


def _in_threads(once: Callable[[], Floats]) -> Floats:
    with ThreadPoolExecutor(2) as pool:
        return np.stack([future.result() for future in [pool.submit(once) for _ in range(2)]])


def _floats(answers: npt.NDArray[np.generic]) -> Floats:
    return np.asarray(answers, dtype=np.float32)
