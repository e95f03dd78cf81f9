"""Find the state of ONNX Runtime's generator in noisy answers to one query.

The largest pair of normals in the answers came from a point near the middle of the polar method's square. So its two
states lie in short ranges, and as one determines the other, a small part of the 2³¹ states is left. Each of these is
followed through the next normals until they contradict the answers. What remains is compared with all answers.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from dynanoise_export.attacks.queries.normal_generator import (
    MODULUS,
    MULTIPLIER,
    next_pairs,
    normals,
    polar,
    state_before_pairs,
)
from dynanoise_export.types import Bools, Float32s, Float64s, Floats, Int64s, Progress, Step, no_progress

# Fewer answers show too little of their noise.
LEAST_ROWS = 16
# How many pairs are tried as the largest, one after the other: a kept label distorts some answers.
PAIRS_TRIED = 3
# An error of more standard deviations than this, or less likely than this, is a contradiction.
LARGEST_ERROR, UNLIKELY = 4.5, 1e-6
# So many pairs are compared before all answers are.
PAIRS_FOLLOWED = 24
# The correlation with a wrong state's noise is as good as never so many of its standard deviations, or so large.
DEVIATIONS, CORRELATION = 8.0, 0.9
# It is looked at for all answers, and for the last of so many parts.
LAST_PART = 4
# States that are looked at together: their arrays stay in the processor's cache.
BLOCK = 2**16


@dataclass(frozen=True)
class _Seen:
    """What answers to one query show of their noise, n rows in all.

    Attributes:
        noise: float64 [n, k], up to a constant for each row, and with small errors.
        variance: of these errors, float64 [n, k].
        calls: the rows of each call.
        pairs: for each pair of normals in the order of the draws the places of the two in `noise`, flattened, int64
            [pairs, 2]; -1 for a second normal that was not used.
    """

    noise: Float64s
    variance: Float64s
    calls: tuple[int, ...]
    pairs: Int64s


def find_state(calls: Sequence[Floats], *, progress: Progress = no_progress) -> int | None:
    """Find the state of the generator after several calls.

    Args:
        calls: of each call the noisy logits [rows, k], up to a constant for each row. All rows answer the same query,
            and no other noise was drawn between the calls. 64 rows in all are enough; 256 make
            the search much faster where classes are few.
        progress: called with the part of the states that was looked at.

    Returns:
        The state, for `normal_generator.predict`; None if none fits: other clients drew noise in between, another
        generator drew it, or kept labels distort too many answers.
    """
    seen = _see(calls)
    if seen is None:
        return None
    for attempt, pair in enumerate(_largest_pairs(seen), start=1):
        for first in _first_states(seen, pair, attempt, progress):
            for state in _agreeing(seen, pair, first):
                after = _state_after_all(seen, pair, int(state))
                if after is not None:
                    return after
    return None


def _see(calls: Sequence[Floats]) -> _Seen | None:
    """Measure the noise against the mean answer and the spread; None if there is too little."""
    answers = np.concatenate([np.asarray(call, dtype=np.float64) for call in calls])
    rows, classes = answers.shape
    contrasts = (rows - 1) * (classes - 1)
    centred = _centred(answers)
    scale = math.sqrt((centred**2).sum() / max(contrasts, 1))
    if rows < LEAST_ROWS or not 0 < scale < math.inf:
        return None
    noise = centred / scale
    variance = 1 / rows + noise**2 / (2 * contrasts)  # of the mean, and of the scale
    return _Seen(noise, variance, tuple(len(call) for call in calls), _places(calls))


def _places(calls: Sequence[Floats]) -> Int64s:
    places, start = [], 0
    for call in calls:
        drawn = np.arange(start, start + call.size + call.size % 2)
        drawn[call.size :] = -1
        places.append(drawn)
        start += call.size
    return np.concatenate(places).reshape(-1, 2)


def _centred(values: Float64s) -> Float64s:
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    return np.asarray(values - rows - columns + values.mean())


@dataclass(frozen=True)
class _Bounds:
    """Where the point of a pair lies in the polar method's square.

    Attributes:
        radius: its largest distance from the middle.
        sign: of the first normal less the second; 0 if it is not known.
    """

    radius: float
    sign: int


def _bounds(seen: _Seen, pair: int) -> _Bounds:
    """Bound the point of a pair whose normals belong to the same row."""
    rows, classes = seen.noise.shape
    places = seen.pairs[pair]
    first, second = seen.noise.ravel()[places]
    error = LARGEST_ERROR * math.sqrt(seen.variance.ravel()[places].sum())
    # The row's constant, which is the mean of its noise, cancels in the difference and not in the sum.
    error_of_sum = LARGEST_ERROR * math.sqrt(4 / classes + 2 / rows)
    least_difference = max(0.0, abs(first - second) - error)
    least_sum = max(0.0, abs(first + second) - error_of_sum)
    # The polar method makes a pair of length √(-4 log radius).
    radius = math.exp(-(least_difference**2 + least_sum**2) / 8)
    return _Bounds(radius, int(np.sign(first - second)) if least_difference else 0)


def _largest_pairs(seen: _Seen) -> list[int]:
    """List the pairs of normals of which most is known, within one row and with others after them."""
    rows = seen.pairs // seen.noise.shape[1]
    followed = max(1, len(rows) - PAIRS_FOLLOWED)
    usable = np.flatnonzero((rows[:, 0] == rows[:, 1])[:followed])
    return sorted(usable.tolist(), key=lambda pair: _bounds(seen, pair).radius)[:PAIRS_TRIED]


def _first_states(seen: _Seen, pair: int, attempt: int, progress: Progress) -> Iterator[Int64s]:
    """List the states that may have made the first coordinate of a pair, block by block.

    The second state is MULTIPLIER times the first, less a multiple of MODULUS: for each multiple the first states that
    lead into a range are consecutive.
    """
    bounds = _bounds(seen, pair)
    step = 2 / MULTIPLIER  # how far the first coordinate moves within one multiple
    radius = min(1.0, bounds.radius + step)
    low, high = (math.floor(MULTIPLIER * (1 + side * radius) / 2) for side in (-1, 1))
    together = max(1, int(BLOCK / (radius * MODULUS / MULTIPLIER)))
    for start in range(low, min(high, MULTIPLIER - 1) + 1, together):
        multiples = np.arange(start, min(start + together, high + 1, MULTIPLIER))
        x = multiples * step - 1
        half = np.sqrt(np.maximum(radius**2 - np.minimum(np.abs(x), np.abs(x + step)) ** 2, 0))
        least = np.maximum(x, -half) if bounds.sign > 0 else -half
        most = np.minimum(x + step, half) if bounds.sign < 0 else half
        begin, end = (np.clip((1 + y) * 2**30, 1, MODULUS - 1).astype(np.int64) for y in (least, most))
        begin = -((-begin - multiples * MODULUS) // MULTIPLIER)
        end = (end + multiples * MODULUS) // MULTIPLIER + 1
        yield _ranges(begin, end)
        progress(Step(f"Searching the generator's states, attempt {attempt}", start - low, high - low, "parts"))


def _ranges(begin: Int64s, end: Int64s) -> Int64s:
    """Join the numbers of several ranges."""
    counts = np.maximum(end - begin, 0)
    ends = counts.cumsum()
    return np.asarray(np.arange(ends[-1]) + np.repeat(begin - ends + counts, counts))


def _agreeing(seen: _Seen, pair: int, first: Int64s) -> Int64s:
    """Select the states whose normals, from a pair on, agree with the answers.

    Args:
        seen: the answers.
        pair: the pair.
        first: the states that may have made its first coordinate.
    """
    noise, variance = seen.noise.ravel().tolist(), seen.variance.ravel().tolist()
    states = first * MULTIPLIER % MODULUS
    drawn, kept = polar(first, states)
    errors = _RowErrors(len(first), seen.noise.shape[1])
    for pair_now in range(pair, min(pair + PAIRS_FOLLOWED, len(seen.pairs))):
        if pair_now > pair:
            drawn, states = next_pairs(states)
            kept = np.ones(len(states), dtype=np.bool_)
        for place, value in zip(seen.pairs[pair_now], drawn.T, strict=True):
            if place >= 0:
                errors.add(int(place) // seen.noise.shape[1], value - noise[place], variance[place])
        kept &= errors.likely()
        first, states = first[kept], states[kept]
        errors.select(kept)
        if not len(first):
            break
    return first


class _RowErrors:
    """The squared errors of several states, less what a constant for each row explains.

    Args:
        count: the number of states.
        classes: the number of classes.
    """

    def __init__(self, count: int, classes: int) -> None:
        self._classes = classes
        self._row, self._in_row, self._contrasts, self._variance = -1, 0, 0, 0.0
        self._values = 0
        self._sum, self._squares, self._explained = (np.zeros(count, dtype=np.float32) for _ in range(3))

    def add(self, row: int, errors: Float32s, variance: float) -> None:
        """Add the errors [states] of the next value, of this variance."""
        if row != self._row:
            self._explained += self._of_row()
            self._sum = np.zeros_like(self._sum)
            self._row, self._in_row = row, 0
        self._contrasts += self._in_row > 0
        self._in_row, self._values, self._variance = self._in_row + 1, self._values + 1, self._variance + variance
        self._sum = self._sum + errors
        self._squares = self._squares + errors**2

    def likely(self) -> Bools:
        """Say of each state whether the right one may have such errors."""
        # The error of the mean answer is the same in each row: a class has no second, independent one.
        contrasts = max(self._contrasts, 1)
        independent = min(contrasts, self._classes - 1)
        limit = self._variance / self._values * contrasts / independent * float(chi2.isf(UNLIKELY, independent))
        return np.asarray(self._squares - self._explained - self._of_row() <= limit)

    def select(self, kept: Bools) -> None:
        """Go on with these states."""
        self._sum, self._squares, self._explained = self._sum[kept], self._squares[kept], self._explained[kept]

    def _of_row(self) -> Float32s:
        return np.asarray(self._sum**2 / np.float32(max(self._in_row, 1)))


def _state_after_all(seen: _Seen, pair: int, first: int) -> int | None:
    """Compare all answers with the noise of a state; give the state after them if they agree."""
    state, parts, classes = state_before_pairs(first, pair), [], seen.noise.shape[1]
    for rows in seen.calls:
        drawn, state = normals(state, rows * classes)
        parts.append(drawn.reshape(rows, classes))
    expected = _centred(np.concatenate(parts).astype(np.float64))
    # If others drew noise in between, the first answers agree, and the last ones do not.
    last = len(expected) // LAST_PART
    return state if _agrees(expected, seen.noise) and _agrees(expected[-last:], seen.noise[-last:]) else None


def _agrees(expected: Float64s, noise: Float64s) -> bool:
    rows, classes = noise.shape
    agreement = (expected * noise).sum() / math.sqrt((expected**2).sum() * (noise**2).sum())
    return bool(agreement > min(CORRELATION, DEVIATIONS / math.sqrt(rows * (classes - 1))))
