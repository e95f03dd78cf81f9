"""What each check of the law measures, against closed forms."""

import numpy as np
import pytest
from scipy import stats

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.validation import noise_law
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.recovery import recover
from support.noisy import PAPER, Model, logits, query, right_draw

RATE = 1e-8


RIGHT = Model()


def noise_of(model=RIGHT, rows=500, classes=6, defence=PAPER, stated=None, calls=2):
    rng = np.random.default_rng(0)
    z = logits(rng, rows, classes)
    answers = np.stack([model(z, defence, rng) for _ in range(calls)])
    return recover(z, answers, (stated or defence).law)


def test_the_mean_farthest_from_0_is_reported_with_its_class():
    noise = noise_of()
    means = noise.contrasts.mean(axis=(0, 1))
    check = noise_law.mean(noise, RATE)
    assert check.passed
    assert check.value == pytest.approx(np.abs(means).max())
    assert check.limit == pytest.approx(stats.norm.isf(RATE / 5 / 2) / np.sqrt(1000), abs=1e-4)
    assert f"class {np.abs(means).argmax()} " in check.detail


@pytest.mark.parametrize("true", [9.9, 10.1])
def test_a_temperature_that_is_off_leaves_its_share_of_the_logits(true):
    noise = noise_of(rows=5000, defence=DynaNoise(temperature=true), stated=DynaNoise(temperature=10))
    check = noise_law.against_logits(noise, RATE)
    assert check.value == pytest.approx(abs(10 / true - 1), abs=0.003)
    assert check.limit == pytest.approx(0.005, abs=0.002)
    assert not check.passed


def test_equal_logits_leave_nothing_in_the_noise():
    z = np.zeros((50, 3), np.float32)
    rng = np.random.default_rng(0)
    assert noise_law.against_logits(recover(z, Model()(z, PAPER, rng)[None], PAPER.law), RATE).passed


def test_the_distribution_is_compared_as_scipy_does():
    noise = noise_of()
    expected = stats.kstest(noise.draws, "norm")
    check = noise_law.distribution(noise, RATE)
    assert check.value == pytest.approx(expected.statistic)
    assert noise_law.distribution(noise, expected.pvalue).limit == pytest.approx(check.value, rel=1e-3)


def test_the_tails_are_counted_as_scipys_binomial_test_does():
    def no_far_noise(rng, shape):
        drawn = right_draw(rng, shape)
        return np.where(np.abs(drawn) > 2, drawn / 2, drawn)

    noise = noise_of(Model(draw=no_far_noise), classes=2, rows=3000)
    check = noise_law.tails(noise, RATE)
    assert not check.passed
    count = int((np.abs(noise.draws) > 2).sum())
    assert stats.binomtest(count, noise.draws.size, 2 * stats.norm.sf(2)).pvalue < RATE
    assert noise_law.SIDES[2] in check.detail


def test_one_impossible_outlier_is_seen():
    def one_far(rng, shape):
        drawn = right_draw(rng, shape)
        drawn[7, 3] = 30
        return drawn

    noise = noise_of(Model(draw=one_far))
    assert not noise_law.tails(noise, RATE).passed
    assert noise_law.distribution(noise, RATE).passed


def test_a_wrong_answer_is_counted():
    rng = np.random.default_rng(0)
    z = logits(rng, 50, 4)
    answers = query(Model(), z, PAPER, rng).calls.copy()
    assert noise_law.recovered(recover(z, answers, PAPER.law), RATE).passed
    answers[0, 3, 1] = 0
    check = noise_law.recovered(recover(z, answers, PAPER.law), RATE)
    assert not check.passed
    assert check.value == 1


@pytest.mark.parametrize("check", [noise_law.mean, noise_law.distribution, noise_law.tails])
def test_without_recovered_noise_no_check_runs(check):
    """At this temperature float32's last digit is larger than the noise."""
    noise = noise_of(defence=DynaNoise(temperature=1e6))
    assert noise.usable == 0
    found = check(noise, RATE)
    assert found.outcome is Outcome.NOT_RUN
    assert found.value is None
