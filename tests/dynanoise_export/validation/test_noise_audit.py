"""The audit as a whole: what it catches, and how often it is wrong."""

from collections import Counter

import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.validation import noise_audit
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.noise_audit import audit
from dynanoise_export.validation.repeated_answers import Answers
from dynanoise_export.validation.sample_size import calls_needed
from support.defences import defence_alone, in_runtime
from support.noisy import PAPER, WRONG, Model, logits, query

SIZES = [(700, 2), (400, 3), (300, 10), (250, 100)]
MANY_CLASSES = (160, 1000)
SETTINGS = [PAPER, DynaNoise(0.1, 0, 1), DynaNoise(0.4, 5, 0.5), DynaNoise(0.5, 20, 100), DynaNoise(30, 1, 100)]
# From answers that are all alike to answers that are almost certain.
WIDTHS = [0.01, 1.0, 6.0, 20.0]


def failed(checks):
    return [check.code for check in checks if not check.passed]


def run_correct(runs, sizes, most_calls):
    """Audit correct noise many times, each time with another seed, size, setting and width."""
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        rows, classes = sizes[seed % len(sizes)]
        defence = SETTINGS[seed // len(sizes) % len(SETTINGS)]
        z = logits(rng, rows, classes, WIDTHS[seed // len(sizes) // len(SETTINGS) % len(WIDTHS)])
        calls = min(calls_needed(z, defence.law), most_calls) - 1
        checks = audit(z, query(Model(), z, defence, rng, calls, sessions=2), defence.law)
        assert len(checks) == 17
        assert failed(checks) == [], f"seed {seed}"


def test_correct_noise_passes():
    run_correct(200, SIZES, most_calls=5)


@pytest.mark.slow
def test_correct_noise_passes_2000_times():
    run_correct(2000, [*SIZES, MANY_CLASSES], most_calls=100)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_noise_is_caught_by_the_right_check(wrong):
    make, check = WRONG[wrong]
    rng = np.random.default_rng(1)
    z = logits(rng, 2000, 10)
    assert check in failed(audit(z, query(make(), z, PAPER, rng), PAPER.law))


@pytest.mark.parametrize(("rate", "runs"), [(0.1, 300), pytest.param(0.02, 3000, marks=pytest.mark.slow)])
def test_each_check_fails_at_most_at_its_rate(monkeypatch, rate, runs):
    """A rate of 6e-8 is too small to observe, so the same functions are run at larger rates."""
    monkeypatch.setattr(noise_audit, "BUDGET", 17 * rate)
    alarms = Counter()
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        z = logits(rng, 150, 5)
        alarms.update(failed(audit(z, query(Model(), z, PAPER, rng, sessions=1), PAPER.law)))
    assert max(alarms.values()) / runs < rate + 4 * np.sqrt(rate / runs)
    # And not because they never fail: the checks of one exact statistic fail at their rate.
    for code in (CheckCode.NOISE_VARIANCE, CheckCode.NOISE_AGAINST_LOGITS, CheckCode.NOISE_DISTRIBUTION):
        assert alarms[code] / runs > rate - 4 * np.sqrt(rate / runs)


def test_the_rates_sum_to_the_budget():
    rng = np.random.default_rng(0)
    z = logits(rng, 300, 4)
    checks = audit(z, query(Model(), z, PAPER, rng), PAPER.law)
    assert len(checks) == 16
    assert all(f"{noise_audit.BUDGET / 16:.1g}" in check.detail for check in checks)
    assert len({check.code for check in checks}) == 16


def test_noise_that_cannot_be_recovered_is_not_passed():
    rng = np.random.default_rng(0)
    defence = DynaNoise(temperature=1e6)
    z = logits(rng, 500, 10)
    checks = audit(z, query(Model(), z, defence, rng), defence.law)
    assert {check.outcome for check in checks} == {Outcome.NOT_RUN}
    assert [check.value for check in checks] == [None] * len(checks)
    assert not any(check.passed for check in checks)


def test_answers_with_zeros_are_reported():
    rng = np.random.default_rng(0)
    z = logits(rng, 500, 10)
    answers = query(Model(finish=lambda z, noise, p: np.eye(10)[np.argmax(z, axis=1)]), z, PAPER, rng)
    assert CheckCode.NOISE_RECOVERED in failed(audit(z, answers, PAPER.law))


def test_a_defence_in_onnx_runtime_passes():
    session = in_runtime(defence_alone(PAPER, 10, NoiseSource.RANDOM))
    rng = np.random.default_rng(0)
    z, order = logits(rng, 2000, 10), rng.permutation(2000)

    def answer(rows):
        return session.run({"logits": rows})["probabilities"]

    answers = Answers(np.stack([answer(z) for _ in range(3)]), answer(z[order]), order)
    assert failed(audit(z, answers, PAPER.law)) == []
