"""Time models in turn, so that what else the machine does falls on all of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]

# What runs a model once.
Call = Callable[[], object]

SESSIONS = 10

# What is measured unless the user says how much: so many pairs, or as many as this time holds, but these at least.
PAIRS = 200
SECONDS = 30.0
FEWEST, FEWEST_A_SESSION = 10, 5

# A model's turn: so many calls in a row that a call's own time counts more than what stood in the caches before.
SECONDS_A_TURN = 0.01

# Before the clock counts: a runtime's first calls find their memory and choose their kernels.
WARM_UP_CALLS, WARM_UP_SECONDS = 3, 1.0


@dataclass(frozen=True)
class Pair:
    """A turn of each model.

    Attributes:
        session: of each of them, the number.
        turns: of each model, how long each of its calls took, in seconds.
    """

    session: int
    turns: tuple[Seconds, ...]

    @property
    def ratio(self) -> float:
        """The time of the last model's median call over that of the first's."""
        return float(np.median(self.turns[-1]) / np.median(self.turns[0]))


def timed(
    openings: Sequence[Callable[[], Call]],
    pairs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Pair]:
    """Time models in turn: several sessions of each, and the order alternates.

    Where a session's weights come to lie in memory makes it faster or slower as long as it lives, and whoever runs
    second may find the cache warm.

    Args:
        openings: each opens a model anew, in a session of its own, and gives what runs it once.
        pairs: how many, from `FEWEST` on; None for up to `PAIRS`, as many as `SECONDS` hold, and `FEWEST` at least.
        progress: told of the pairs done, and of how many.
    """
    wanted, seconds = (PAIRS, SECONDS) if pairs is None else (pairs, np.inf)
    taken: list[Pair] = []
    end = time.perf_counter() + seconds
    for session in range(SESSIONS):
        most = wanted // SESSIONS + (session < wanted % SESSIONS)
        for pair in _session(openings, most, seconds / SESSIONS, session):
            taken.append(pair)
            progress(len(taken), wanted)
        if len(taken) >= FEWEST and time.perf_counter() > end:
            break
    return taken


def _session(openings: Sequence[Callable[[], Call]], pairs: int, seconds: float, session: int) -> Iterator[Pair]:
    """Open the models and time them, pair by pair, until there are enough or the time is over."""
    places = range(len(openings))
    runs = {place: openings[place]() for place in _in_turn(places, session)}
    slowest = max(_warmed_up(run) for run in runs.values())
    calls = max(1, round(SECONDS_A_TURN / slowest))
    end = time.perf_counter() + seconds
    for number in range(pairs):
        if number >= FEWEST_A_SESSION and time.perf_counter() > end:
            return
        turns = {place: _turn(runs[place], calls) for place in _in_turn(places, session + number)}
        yield Pair(session, tuple(turns[place] for place in places))


def _in_turn(places: Sequence[int], number: int) -> Sequence[int]:
    return places if number % 2 == 0 else places[::-1]


def _warmed_up(run: Call) -> float:
    """Run a model a few times, and tell how long the last call took."""
    start = time.perf_counter()
    for _ in range(WARM_UP_CALLS):
        (took,) = _turn(run, 1)
        if time.perf_counter() - start > WARM_UP_SECONDS:
            break
    return float(took)


def _turn(run: Call, calls: int) -> Seconds:
    """Time calls in a row, each by itself."""
    stamps = np.empty(calls + 1)
    stamps[0] = time.perf_counter()
    for call in range(calls):
        run()
        stamps[call + 1] = time.perf_counter()
    return np.diff(stamps)
