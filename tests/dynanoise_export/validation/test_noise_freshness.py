import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.validation import noise_freshness
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.recovery import recover
from dynanoise_export.validation.repeated_answers import Again
from support.noisy import PAPER, Model, logits, right_draw

RATE = 1e-8


def recovered(z, noise, defence=PAPER):
    """Recover given standard normals [c, n, k] from a model's answers."""
    answers = np.stack([Model(draw=lambda rng, shape, e=e: e)(z, defence, None) for e in noise])
    return recover(z, answers, defence.law)


@pytest.fixture(params=[2, 3, 5, 10, 40], ids=lambda classes: f"{classes} classes")
def setting(request):
    rng = np.random.default_rng(0)
    z = logits(rng, 600, request.param)
    return z, rng.standard_normal((2, *z.shape), dtype=np.float32), rng


def test_fresh_noise_passes(setting):
    z, noise, rng = setting
    ours, theirs = recovered(z, noise), recovered(z, rng.standard_normal(noise.shape, dtype=np.float32))
    assert noise_freshness.repeated(ours, RATE).passed
    check = noise_freshness.fresh(Again.BETWEEN_SESSIONS, ours, theirs, RATE)
    assert check.passed
    assert check.code is CheckCode.NOISE_FRESH_BETWEEN_SESSIONS


def test_rows_that_occur_again_are_counted(setting):
    z, noise, _ = setting
    noise[1, 100:164] = noise[0, 300:364]
    check = noise_freshness.repeated(recovered(z, noise), RATE)
    assert not check.passed
    assert check.value == 128 if z.shape[1] >= 10 else check.value > 10


def test_a_stream_that_restarts_a_little_later_is_seen(setting):
    z, noise, _ = setting
    theirs = np.roll(noise[::-1], 13, axis=1)
    check = noise_freshness.fresh(Again.BETWEEN_PROCESSES, recovered(z, noise), recovered(z, theirs), RATE)
    assert not check.passed
    assert check.limit == 0  # it counts rows


def test_noise_that_is_half_the_same_is_not_fresh(setting):
    z, noise, rng = setting
    theirs = (noise + rng.standard_normal(noise.shape, dtype=np.float32)) / np.float32(np.sqrt(2))
    check = noise_freshness.fresh(Again.BETWEEN_THREADS, recovered(z, noise), recovered(z, theirs), RATE)
    assert not check.passed
    assert 0 < check.limit < 1  # it is a correlation


def test_answers_that_are_not_probabilities_are_not_fresh(setting):
    z, noise, _ = setting
    theirs = recover(z, np.zeros((1, *z.shape), np.float32), PAPER.law)
    check = noise_freshness.fresh(Again.BETWEEN_THREADS, recovered(z, noise), theirs, RATE)
    assert check.outcome is Outcome.NOT_RUN


def test_one_repeated_row_is_enough_with_ten_classes():
    rng = np.random.default_rng(1)
    z, noise = logits(rng, 2000, 10), rng.standard_normal((2, 2000, 10), dtype=np.float32)
    noise[1, 17] = noise[0, 1500]
    check = noise_freshness.repeated(recovered(z, noise), RATE)
    assert check.value == 2
    assert not check.passed


def test_constant_noise_is_counted_in_full():
    z = logits(np.random.default_rng(2), 500, 10)
    check = noise_freshness.repeated(recovered(z, np.zeros((2, 500, 10), np.float32)), RATE)
    assert check.value == 1000


def test_noise_that_float32_rounds_away_is_not_called_fresh():
    rng = np.random.default_rng(3)
    z, noise = logits(rng, 600, 10), rng.standard_normal((2, 600, 10), dtype=np.float32)
    check = noise_freshness.repeated(recovered(z, noise, DynaNoise(temperature=1e4)), RATE)
    assert check.outcome is Outcome.NOT_RUN
    assert check.value is None


@pytest.mark.parametrize("classes", [2, 10])
def test_noise_of_a_position_differs_from_noise_of_a_query(classes):
    rng = np.random.default_rng(4)
    z, order = logits(rng, 800, classes), rng.permutation(800)
    first, fresh = right_draw(rng, z.shape), right_draw(rng, z.shape)
    inverse = np.argsort(order)
    of_the_position = recovered(z, np.stack([first, first[inverse]]))
    of_the_query = recovered(z, np.stack([first, first]))
    assert not noise_freshness.bound_to_position(of_the_position, order, RATE).passed
    assert noise_freshness.bound_to_position(of_the_query, order, RATE).passed
    assert noise_freshness.bound_to_position(recovered(z, np.stack([first, fresh])), order, RATE).passed
