"""What each check of the variance measures, against closed forms."""

import numpy as np
import pytest
from scipy import stats

from dynanoise_export.validation import noise_variance
from dynanoise_export.validation.recovery import recover
from support.noisy import PAPER, F, Model, logits, right_draw, right_scale

RATE = 1e-8


def noise_of(model, rows=2000, classes=5, calls=3):
    rng = np.random.default_rng(0)
    z = logits(rng, rows, classes)
    return recover(z, np.stack([model(z, PAPER, rng) for _ in range(calls)]), PAPER.law)


def scaled(factor):
    return Model(draw=lambda rng, shape: factor(rng, shape).astype(F) * right_draw(rng, shape))


@pytest.mark.parametrize("factor", [0.9, 1, 1.1])
def test_the_ratio_to_the_stated_variance_is_reported(factor):
    check = noise_variance.overall(noise_of(scaled(lambda rng, shape: np.array(factor))), RATE)
    assert check.value == pytest.approx(abs(factor**2 - 1), abs=5 * np.sqrt(2 / 24_000))
    assert check.passed == (factor == 1)
    tail = stats.chi2(24_000)
    limit = tail.isf(RATE / 2) / 24_000 - 1, 1 - tail.ppf(RATE / 2) / 24_000
    assert min(abs(check.limit - np.array(limit))) < 1e-9


def test_noise_that_grows_with_the_sensitivity_of_another_law_is_off_at_its_ends():
    check = noise_variance.over_sensitivity(noise_of(Model(scale=lambda z, p: F(p.sigma0))), RATE)
    assert not check.passed
    assert "highest R(q)" in check.detail
    # The surest have (1 + 2)⁻¹ of their variance, at most 2 / 3 off.
    assert 0.5 < check.value < 2 / 3 + 0.1


def test_a_class_with_less_noise_is_named():
    check = noise_variance.over_classes(noise_of(scaled(lambda rng, shape: np.array([1, 1, 1, 1, 0.5]))), RATE)
    assert not check.passed
    assert "class 4 " in check.detail
    # Its contrast is √(4/5) of its own noise and √(1/20) of each other class's.
    assert check.value == pytest.approx(1 - (0.8 * 0.25 + 0.2), abs=0.1)


def test_a_scale_for_each_row_is_seen_though_the_variance_is_right():
    noise = noise_of(scaled(lambda rng, shape: np.sqrt(rng.uniform(0.3, 1.7, (shape[0], 1)))))
    assert noise_variance.overall(noise, RATE).passed
    assert not noise_variance.over_queries(noise, RATE).passed


def test_sizes_of_rows_are_compared_as_scipy_does():
    noise = noise_of(Model())
    sums = np.square(noise.contrasts).sum(axis=2).ravel()
    expected = stats.kstest(sums, stats.chi2(4).cdf)
    assert noise_variance.over_queries(noise, RATE).value == pytest.approx(expected.statistic)


@pytest.mark.parametrize("batch", [50, 2000])
def test_a_position_without_noise_is_named(batch):
    noise = noise_of(scaled(lambda rng, shape: (np.arange(shape[0]) % batch != 20)[:, None]), classes=8)
    positions = np.tile(np.arange(2000) % batch, (3, 1))
    check = noise_variance.over_positions(noise, positions, RATE)
    assert not check.passed
    assert "position 20 in the batch" in check.detail
    assert check.value == pytest.approx(1)


def test_noise_that_fades_towards_the_end_of_the_batch_is_seen():
    noise = noise_of(scaled(lambda rng, shape: np.linspace(1.15, 0.85, shape[0])[:, None]))
    positions = np.tile(np.arange(2000), (3, 1))
    assert not noise_variance.over_positions(noise, positions, RATE).passed


def test_right_noise_passes():
    noise = noise_of(Model(scale=right_scale))
    positions = np.tile(np.arange(2000) % 32, (3, 1))
    assert noise_variance.over_positions(noise, positions, RATE).passed
    for check in (noise_variance.over_sensitivity, noise_variance.over_classes, noise_variance.over_queries):
        assert check(noise, RATE).passed
