"""Timing with a clock that moves only when a model runs."""

import time
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from dynanoise_export.benchmarking.timing import timed
from dynanoise_export.types import Step


class Bench:
    """Models of known speed.

    Args:
        seconds: the time of a call of each model.
    """

    def __init__(self, monkeypatch, *seconds):
        self.now, self.sessions, self.calls, self.open = 0.0, [], [], []
        self.openings = [partial(self._open, number, took) for number, took in enumerate(seconds)]
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    @contextmanager
    def _open(self, number, seconds):
        self.sessions.append(number)
        self.open.append(number)
        yield partial(self._run, number, seconds)
        self.open.remove(number)

    def _run(self, number, seconds):
        self.calls.append(number)
        self.now += seconds


@pytest.fixture
def bench(monkeypatch):
    return partial(Bench, monkeypatch)


def test_the_ratio_is_that_of_the_times(bench):
    pairs = timed(bench(0.02, 0.03).openings)
    assert len(pairs) == 200
    assert {pair.session for pair in pairs} == set(range(10))
    np.testing.assert_allclose([pair.ratio for pair in pairs], 1.5)
    assert all(len(turn) == 1 for pair in pairs for turn in pair.turns)


def test_a_turn_of_a_fast_model_is_many_calls_and_each_is_timed(bench):
    pairs = timed(bench(0.0005, 0.001).openings)
    for pair in pairs:
        np.testing.assert_allclose(pair.turns[0], [0.0005] * 10)
        np.testing.assert_allclose(pair.turns[1], [0.001] * 10)


def test_both_the_order_of_turns_and_that_of_opening_alternate(bench):
    made = bench(0.02, 0.02)
    timed(made.openings, 40)
    assert made.sessions == [0, 1, 1, 0] * 5
    warm_up, first = made.calls[:6], made.calls[6:14]
    assert sorted(warm_up) == [0, 0, 0, 1, 1, 1]
    assert first == [0, 1, 1, 0, 0, 1, 1, 0]


def test_the_sessions_of_a_round_are_closed_before_the_next(bench):
    made = bench(0.02, 0.02)
    open_then = []
    timed(made.openings, 40, progress=lambda step: open_then.append(sorted(made.open)))
    assert open_then == [[], *[[0, 1]] * 40]
    assert made.open == []


def test_a_slow_model_gets_as_many_pairs_as_time_allows(bench):
    made = bench(0.26, 0.26)
    pairs = timed(made.openings)
    # A session takes 1.56 s to warm up, then 3 s and what is left of the pair that began within them.
    assert np.bincount([pair.session for pair in pairs]).tolist() == [6] * 7
    assert made.now == pytest.approx(7 * (1.56 + 6 * 0.52))


def test_a_very_slow_model_gets_ten_pairs_in_two_sessions(bench):
    pairs = timed(bench(20, 40).openings)
    assert [pair.session for pair in pairs] == [0] * 5 + [1] * 5


def test_a_given_number_of_pairs_whatever_the_time(bench):
    pairs = timed(bench(20, 40).openings, 33)
    assert np.bincount([pair.session for pair in pairs]).tolist() == [4, 4, 4, 3, 3, 3, 3, 3, 3, 3]


def test_one_model_alone_is_timed(bench):
    pairs = timed(bench(0.02).openings, 10)
    np.testing.assert_allclose([turn for pair in pairs for turn in pair.turns], 0.02)


def test_progress_counts_pairs(bench):
    steps = []
    timed(bench(0.02, 0.02).openings, 12, what="Timing", progress=steps.append)
    assert steps == [Step("Timing", number, 12, "pairs") for number in range(13)]


def test_a_hiccup_within_a_turn_does_not_move_its_ratio(bench):
    made = bench(0.001, 0.001)
    calls = 0
    clock, opening = made, made.openings[1]

    @contextmanager
    def hiccuping():
        with opening() as run:

            def once():
                nonlocal calls
                calls += 1
                clock.now += 0.004 if calls % 10 == 0 else 0
                run()

            yield once

    pairs = timed([made.openings[0], hiccuping], 20)
    np.testing.assert_allclose([pair.ratio for pair in pairs], 1)
