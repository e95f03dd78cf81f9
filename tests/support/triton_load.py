"""Many clients at once on a Triton server; each client checks every answer that it gets."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from support.exports import session_of
from support.triton_server import TritonServer

POOL, MOST_ROWS = 4096, 64
TOLERANCE = 1e-6
INPUT, OUTPUT = "input", "probabilities"


@dataclass
class Client:
    """What one client saw.

    Attributes:
        protocol: that it uses.
        rows: the number of rows of each answer.
        wrong: how many answers did not match the client's own rows.
        failures: for each failed request the time in seconds from the start, and the error.
    """

    protocol: str
    rows: list[int] = field(default_factory=list)
    wrong: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Killed:
    """An instance whose process was killed.

    Attributes:
        at: the time in seconds from the start.
        back_after: how many seconds later there were as many processes as before; None if there never were.
    """

    at: float
    back_after: float | None


@dataclass(frozen=True)
class Load:
    """The result of a load.

    Attributes:
        seconds: how long it lasted.
        clients: what each client saw.
        memory: resident bytes of the server and its instances, every half second.
        killed: the instance that was killed; None if none was.
    """

    seconds: float
    clients: list[Client]
    memory: list[int]
    killed: Killed | None

    @property
    def failures(self) -> list[tuple[float, str]]:
        """All failed requests, in their order."""
        return sorted(failure for client in self.clients for failure in client.failures)


def stable_rows(path: Path, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows whose answer does not depend on the batch, and their answers in ONNX Runtime.

    Keyed noise is shared within cells, and rounding differs from batch to batch: a row on the border of two cells may
    fall into either.
    """
    session = session_of(path)
    rows = np.random.default_rng(0).random((POOL, width), dtype=np.float32)
    alone = np.concatenate([session.run([OUTPUT], {INPUT: row[None]})[0] for row in rows])
    together = session.run([OUTPUT], {INPUT: rows})[0]
    stable = np.abs(alone - together).max(axis=1) < TOLERANCE
    return rows[stable], together[stable]


def load(
    server: TritonServer, model: str, known: tuple[np.ndarray, np.ndarray], *, clients: int, seconds: float, kill: bool
) -> Load:
    """Query a model from many clients at once, half over HTTP and half over gRPC, with batches of 1 to 64 rows.

    Args:
        server: that runs the model.
        model: its name there.
        known: rows, and the answers to them.
        clients: the number of clients.
        seconds: how long they send queries.
        kill: kill the process of one instance in the middle.
    """
    start = time.monotonic()
    done = threading.Event()

    def now() -> float:
        return time.monotonic() - start

    with ThreadPoolExecutor(clients + 2) as threads:
        memory = threads.submit(_watch_memory, server, done)
        running = [threads.submit(_client, server, model, known, number, now, done) for number in range(clients)]
        killed = threads.submit(_kill_one, server, model, now, done, seconds / 2) if kill else None
        time.sleep(seconds)
        done.set()
    return Load(now(), [client.result() for client in running], memory.result(), killed.result() if killed else None)


def _client(
    server: TritonServer,
    model: str,
    known: tuple[np.ndarray, np.ndarray],
    number: int,
    now: Callable[[], float],
    done: threading.Event,
) -> Client:
    protocol: ModuleType = (tritonclient.http, tritonclient.grpc)[number % 2]
    address = (server.http, server.grpc)[number % 2]
    seen = Client(protocol.__name__)
    rng = np.random.default_rng(number)
    with protocol.InferenceServerClient(address) as client:
        while not done.is_set():
            chosen = rng.integers(0, len(known[0]), rng.integers(1, MOST_ROWS + 1))
            query = protocol.InferInput(INPUT, [len(chosen), known[0].shape[1]], "FP32")
            query.set_data_from_numpy(known[0][chosen])
            try:
                answer = client.infer(model, [query]).as_numpy(OUTPUT)
            except InferenceServerException as error:
                seen.failures.append((now(), str(error)))
                continue
            seen.rows.append(len(chosen))
            right = answer.shape == known[1][chosen].shape and np.abs(answer - known[1][chosen]).max() < TOLERANCE
            seen.wrong += not right
    return seen


def _watch_memory(server: TritonServer, done: threading.Event) -> list[int]:
    seen = []
    while not done.wait(0.5):
        seen.append(sum(map(_resident, [server.process.pid, *server.stubs()])))
    return seen


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0


def _kill_one(
    server: TritonServer, model: str, now: Callable[[], float], done: threading.Event, after: float
) -> Killed:
    done.wait(after)
    before = server.stubs(model)
    os.kill(before[0], signal.SIGKILL)
    at = now()
    while not done.wait(0.02):
        if len(set(server.stubs(model)) - {before[0]}) == len(before):
            return Killed(at, now() - at)
    return Killed(at, None)
