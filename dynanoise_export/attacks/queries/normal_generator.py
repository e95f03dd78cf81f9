"""The generator behind `random` noise in ONNX Runtime on the CPU, as its builds for Linux have it.

The operator holds a `std::default_random_engine` and makes a new `std::normal_distribution<float>` for each call. In
GCC's library these are Lehmer's generator (Park and Miller 1988) and Marsaglia's polar method. Other libraries have
other ones: nothing here holds for the builds for Windows and macOS.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from dynanoise_export.types import Bools, Float32s, Int64s

# A state is a whole number from 1 to MODULUS - 1; the next is MULTIPLIER times it, modulo MODULUS.
MODULUS = 2**31 - 1
MULTIPLIER = 7**5
# Of the points that the polar method tries, π / 4 are accepted. Two tries for each pair of normals, and some to spare,
# are ten standard deviations more than it needs.
TRIES, SPARE_TRIES = 2, 64


def normals(state: int, count: int) -> tuple[Float32s, int]:
    """Draw what one call of the operator draws.

    Args:
        state: of the generator before the call.
        count: how many standard normals.

    Returns:
        Standard normals float32 [count], and the state after the call. They equal ONNX Runtime's up to the rounding of
        a logarithm.
    """
    pairs = (count + 1) // 2  # an odd number leaves half a pair, which is not kept for the next call
    if not pairs:
        return np.zeros(0, dtype=np.float32), state
    points = _states(state, MULTIPLIER, 2 * (TRIES * pairs + SPARE_TRIES)).reshape(-1, 2)
    drawn, accepted = polar(points[:, 0], points[:, 1])
    used = np.flatnonzero(accepted)[:pairs]
    return drawn[used].ravel()[:count], int(points[used[-1], 1])


def predict(state: int, calls: Iterable[tuple[int, int]]) -> Iterator[Float32s]:
    """Predict the noise of the following calls.

    Args:
        state: of the generator before the first of them.
        calls: the rows and the classes of each.

    Returns:
        For each call standard normals float32 [rows, classes].
    """
    for rows, classes in calls:
        drawn, state = normals(state, rows * classes)
        yield drawn.reshape(rows, classes)


def state_before_pairs(first: int, count: int) -> int:
    """Go back from a pair of normals by a number of pairs.

    Args:
        first: the state that made the first coordinate of the pair's point.
        count: the number of pairs before it.

    Returns:
        The state of the generator before these pairs.
    """
    points = _states(first, pow(MULTIPLIER, -1, MODULUS), 2 * (TRIES * count + SPARE_TRIES)).reshape(-1, 2)
    accepted = polar(points[:, 1], points[:, 0])[1]
    place = np.flatnonzero(accepted)[count - 1] + 1 if count else 0
    return int(points[place, 0])


def next_pairs(states: Int64s) -> tuple[Float32s, Int64s]:
    """Draw a pair of normals from each of n states.

    Returns:
        Normals float32 [n, 2], and the states after them, int64 [n].
    """
    first = states * MULTIPLIER % MODULUS
    after = first * MULTIPLIER % MODULUS
    drawn, accepted = polar(first, after)
    again = np.flatnonzero(~accepted)
    if len(again):
        drawn[again], after[again] = next_pairs(after[again])
    return drawn, after


def polar(first: Int64s, second: Int64s) -> tuple[Float32s, Bools]:
    """Make a pair of normals of two consecutive states.

    Args:
        first: states int64 [n].
        second: the states after them.

    Returns:
        Normals float32 [n, 2] in the order in which they are given out, and whether the polar method accepts the
        point, [n]. Those of a point that it does not accept mean nothing.
    """
    x, y = _coordinate(first), _coordinate(second)
    squared = x * x + y * y
    accepted = (squared <= 1) & (squared > 0)
    inside = np.where(accepted, squared, np.float32(1))
    scale = np.sqrt(np.float32(-2) * np.log(inside) / inside)
    return np.stack([y * scale, x * scale], axis=1), accepted


def _coordinate(states: Int64s) -> Float32s:
    """Map states to numbers from -1 to 1, rounded as GCC's library does."""
    share = (states - 1).astype(np.float32) / np.float32(2**31)
    share = np.minimum(share, np.nextafter(np.float32(1), np.float32(0)))
    return np.asarray(2 * share - 1)


def _states(state: int, factor: int, count: int) -> Int64s:
    """List the states that follow when each is the one before times a factor, int64 [count]."""
    powers = np.array([factor], dtype=np.int64)
    while len(powers) < count:
        powers = np.concatenate([powers, powers * powers[-1] % MODULUS])
    return state * powers[:count] % MODULUS
