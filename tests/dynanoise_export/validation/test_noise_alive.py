import numpy as np
import pytest

from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Where, judgement
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.noise_alive import alive
from dynanoise_export.validation.repeated_answers import Again, Answers
from support.noisy import softmax

REPEATS = judgement(NoiseSource.RANDOM, Where.ONNXRUNTIME_CPU)
UNKNOWN = judgement(NoiseSource.RANDOM, Where.SERVER)


def answers_of(rng, *, repeating=None, rows=40, classes=5, width=1.0):
    """Draw answers with fresh noise each time, except for one way in which the first call's noise repeats."""

    def draw():
        return softmax(width * rng.standard_normal((rows, classes))).astype(np.float32)

    calls = np.stack([draw(), draw()])
    others = {again: draw()[None] for again in (Again.BETWEEN_SESSIONS, Again.BETWEEN_PROCESSES)}
    others[Again.BETWEEN_THREADS] = np.stack([draw(), draw()])
    if repeating is Again.BETWEEN_CALLS:
        calls[1] = calls[0]
    elif repeating is not None:
        others[repeating] = calls[:1]
    return Answers(calls, draw(), rng.permutation(rows), others)


def test_fresh_noise_is_alive():
    check = alive(answers_of(np.random.default_rng(0)), UNKNOWN)
    assert check.outcome is Outcome.PASSED
    assert check.value == 0


@pytest.mark.parametrize(
    "repeating", [Again.BETWEEN_CALLS, Again.BETWEEN_THREADS, Again.BETWEEN_SESSIONS, Again.BETWEEN_PROCESSES]
)
def test_noise_that_repeats_anywhere_fails(repeating):
    check = alive(answers_of(np.random.default_rng(0), repeating=repeating), UNKNOWN)
    assert check.outcome is Outcome.FAILED
    assert check.value == 40


@pytest.mark.parametrize(
    ("repeating", "outcome"),
    [(Again.BETWEEN_SESSIONS, Outcome.WARNING), (Again.BETWEEN_PROCESSES, Outcome.FAILED)],
)
def test_only_sessions_are_excused_where_they_are_known_to_repeat(repeating, outcome):
    assert alive(answers_of(np.random.default_rng(0), repeating=repeating), REPEATS).outcome is outcome


def test_answers_that_are_certain_are_not_judged():
    certain = np.tile(np.eye(5, dtype=np.float32), (2, 1, 1))
    check = alive(Answers(certain, certain[0], np.arange(5)), UNKNOWN)
    assert check.outcome is Outcome.NOT_RUN
