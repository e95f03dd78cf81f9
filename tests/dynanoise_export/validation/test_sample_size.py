import numpy as np
import pytest
from scipy import stats

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.validation.noise_audit import BUDGET, audit
from dynanoise_export.validation.sample_size import CHECKS, calls_needed, contrasts_needed
from support.noisy import PAPER, Model, logits, query


@pytest.mark.parametrize("scale", [0.97, 1.03])
def test_the_contrasts_needed_reveal_a_wrong_scale(scale):
    draws = contrasts_needed(0.03, missed=1e-3)
    assert 40_000 < draws < 43_000
    tail = stats.chi2(draws)
    low, high = tail.ppf(BUDGET / CHECKS / 2), tail.isf(BUDGET / CHECKS / 2)
    assert tail.cdf(high / scale**2) - tail.cdf(low / scale**2) < 1.01e-3


@pytest.mark.parametrize(
    ("rows", "classes", "calls"),
    # 41,527 contrasts; with many classes, 406 or 454 answers to judge each.
    [(2000, 2, 21), (2000, 10, 3), (100_000, 10, 3), (64, 1000, 8), (50, 100, 9)],
)
def test_the_calls_needed_are_enough_for_every_check(rows, classes, calls):
    rng = np.random.default_rng(0)
    z = logits(rng, rows, classes)
    assert calls_needed(z, PAPER.law) == calls
    if rows * classes < 100_000:
        answers = query(Model(), z, PAPER, rng, calls=calls - 1)
        assert [check.code for check in audit(z, answers, PAPER.law) if not check.passed] == []


def test_noise_that_cannot_be_recovered_needs_three_calls():
    assert calls_needed(np.zeros((10, 3)), DynaNoise(temperature=1e6).law) == 3
