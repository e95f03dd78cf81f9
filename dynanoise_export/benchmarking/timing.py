"""Time models in turn, so that what else the machine does affects all of them alike."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

import numpy as np

from dynanoise_export.types import Float64s, Progress, Step, no_progress

# Runs a model once.
Call = Callable[[], object]

# Opens a model in a session of its own, which lives until the block ends.
Opening = Callable[[], AbstractContextManager[Call]]

SESSIONS = 10

# Without a number from the user: this many pairs, or as many as fit into this time, but at least these.
PAIRS = 200
SECONDS = 30.0
FEWEST, FEWEST_A_SESSION = 10, 5

# A model's turn is long enough that the time of a call counts more than what was in the caches before.
SECONDS_A_TURN = 0.01

# Before the clock counts: in its first calls a runtime allocates memory and chooses kernels.
WARM_UP_CALLS, WARM_UP_SECONDS = 3, 1.0


@dataclass(frozen=True)
class Pair:
    """A turn of each model.

    Attributes:
        session: the number of the session of each model.
        turns: for each model the time of each of its calls, in seconds.
    """

    session: int
    turns: tuple[Float64s, ...]

    @property
    def ratio(self) -> float:
        """The time of the last model's median call over that of the first model's."""
        return float(np.median(self.turns[-1]) / np.median(self.turns[0]))


def timed(
    openings: Sequence[Opening], pairs: int | None = None, *, what: str = "", progress: Progress = no_progress
) -> list[Pair]:
    """Time models in turn, in several sessions of each, in alternating order.

    Where a session's weights lie in memory makes it faster or slower for as long as it lives, and the model that runs
    second may find the cache warm.

    Args:
        openings: one for each model; each opens it anew and gives the call that runs it.
        pairs: how many, at least `FEWEST`; None for up to `PAIRS`, as many as fit into `SECONDS`, but at least
            `FEWEST`.
        what: is timed, for `progress`.
        progress: called with the pairs that are done.
    """
    most, seconds = (PAIRS, SECONDS) if pairs is None else (pairs, np.inf)
    done: list[Pair] = []
    end = time.perf_counter() + seconds
    progress(Step(what, 0, most, "pairs"))
    for session in range(SESSIONS):
        share = most // SESSIONS + (session < most % SESSIONS)
        for pair in _session(openings, share, seconds / SESSIONS, session):
            done.append(pair)
            progress(Step(what, len(done), most, "pairs"))
        if len(done) >= FEWEST and time.perf_counter() > end:
            break
    return done


def _session(openings: Sequence[Opening], pairs: int, seconds: float, session: int) -> Iterator[Pair]:
    """Open the models and time them, pair by pair, until there are enough or the time is over."""
    models = range(len(openings))
    with ExitStack() as opened:
        calls = {model: opened.enter_context(openings[model]()) for model in _in_turn(models, session)}
        slowest = max(_warmed_up(call) for call in calls.values())
        repeats = max(1, round(SECONDS_A_TURN / slowest))
        end = time.perf_counter() + seconds
        for number in range(pairs):
            if number >= FEWEST_A_SESSION and time.perf_counter() > end:
                return
            turns = {model: _turn(calls[model], repeats) for model in _in_turn(models, session + number)}
            yield Pair(session, tuple(turns[model] for model in models))


def _in_turn(models: Sequence[int], number: int) -> Sequence[int]:
    return models if number % 2 == 0 else models[::-1]


def _warmed_up(call: Call) -> float:
    """Run a model a few times, and give the time of the last call."""
    start = time.perf_counter()
    for _ in range(WARM_UP_CALLS):
        (last,) = _turn(call, 1)
        if time.perf_counter() - start > WARM_UP_SECONDS:
            break
    return float(last)


def _turn(call: Call, repeats: int) -> Float64s:
    """Time calls in a row, each by itself."""
    stamps = np.empty(repeats + 1)
    stamps[0] = time.perf_counter()
    for repeat in range(repeats):
        call()
        stamps[repeat + 1] = time.perf_counter()
    return np.diff(stamps)
