"""What each check of independence measures, against numpy's correlations."""

import numpy as np
import pytest

from dynanoise_export.validation import noise_independence
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.noise_independence import VIEWS
from dynanoise_export.validation.recovery import recover
from support.noisy import PAPER, Model, logits, right_draw

RATE = 1e-8


def noise_of(draw=right_draw, rows=1000, classes=5, calls=2):
    rng = np.random.default_rng(0)
    z = logits(rng, rows, classes)
    return recover(z, np.stack([Model(draw=draw)(z, PAPER, rng) for _ in range(calls)]), PAPER.law)


def after(share, axis, lag):
    """Make noise that holds a share of the noise `lag` before it along an axis."""

    def draw(rng, shape):
        drawn = right_draw(rng, shape)
        before = np.roll(drawn, lag, axis)
        return (np.sqrt(1 - share**2) * drawn + share * before).astype(np.float32)

    return draw


def test_every_two_classes_are_compared():
    noise = noise_of()
    expected = np.corrcoef(noise.contrasts.reshape(-1, 5)[:, 1:].T)
    check = noise_independence.between_classes(noise, RATE)
    assert check.value == pytest.approx(np.abs(expected - np.eye(4)).max(), abs=0.003)
    assert check.passed


def test_two_classes_with_common_noise_are_seen():
    def draw(rng, shape):
        drawn = right_draw(rng, shape)
        drawn[:, 4] = (drawn[:, 4] + drawn[:, 3]) / np.sqrt(2)
        return drawn

    check = noise_independence.between_classes(noise_of(draw), RATE)
    assert not check.passed
    assert "classes 3 and 4" in check.detail


def test_masked_classes_do_not_take_part():
    rng = np.random.default_rng(1)
    z = logits(rng, 1000, 6)
    z[:500, 2] = -1e30
    noise = recover(z, np.stack([Model()(z, PAPER, rng) for _ in range(2)]), PAPER.law)
    both = noise.contrasts[:, 500:, 2].ravel(), noise.contrasts[:, 500:, 3].ravel()
    expected = both[0] @ both[1] / np.linalg.norm(both[0]) / np.linalg.norm(both[1])
    check = noise_independence.between_classes(noise, 0.999999)
    assert check.value is not None
    assert abs(expected) < 0.1
    assert noise_independence.between_classes(noise, RATE).passed


@pytest.mark.parametrize("lag", [1, 8, 256])
def test_noise_shared_with_an_earlier_row_is_seen(lag):
    check = noise_independence.between_rows(noise_of(after(0.25, 0, lag)), RATE)
    assert not check.passed
    assert f"{VIEWS[0]} of noise {lag} rows" in check.detail
    assert check.value == pytest.approx(0.25 * np.sqrt(1 - 0.25**2), abs=0.06)


def test_a_batch_later_is_compared_too():
    noise = noise_of(after(0.25, 0, 100))
    assert noise_independence.between_rows(noise, RATE).passed
    assert not noise_independence.between_rows(noise, RATE, batch=100).passed


def test_a_scale_that_rows_share_shows_in_their_sizes():
    def draw(rng, shape):
        return right_draw(rng, shape) * np.repeat(rng.choice([0.5, 1.3], shape[0] // 4), 4)[:, None]

    check = noise_independence.between_rows(noise_of(draw), RATE)
    assert not check.passed
    assert f"{VIEWS[1]} of noise" in check.detail


def test_noise_shared_with_a_neighbouring_class_is_seen():
    assert not noise_independence.along_classes(noise_of(after(0.3, 1, 1), classes=50), RATE).passed
    assert noise_independence.along_classes(noise_of(classes=50), RATE).passed


@pytest.mark.parametrize("check", [noise_independence.between_classes, noise_independence.along_classes])
def test_two_classes_pass_without_a_second_contrast(check):
    assert check(noise_of(classes=2), RATE).passed


@pytest.mark.parametrize(
    ("check", "sizes"),
    [
        (noise_independence.between_calls, {"calls": 1}),
        (noise_independence.between_rows, {"rows": 1}),
        (noise_independence.between_classes, {"rows": 20}),
    ],
)
def test_with_too_little_noise_no_check_runs(check, sizes):
    found = check(noise_of(**sizes), RATE)
    assert found.outcome is Outcome.NOT_RUN
    assert found.value is None
