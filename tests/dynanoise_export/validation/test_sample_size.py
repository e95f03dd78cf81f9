import numpy as np
import pytest
from scipy import stats

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.noise_audit import BUDGET, audit, audit_once
from dynanoise_export.validation.sample_size import CHECKS, calls_needed, contrasts_needed, rows_needed
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


def test_noise_that_cannot_be_recovered_needs_three_calls_and_no_rows_are_enough():
    law = DynaNoise(temperature=1e6).law
    assert calls_needed(np.zeros((10, 3)), law) == 3
    assert rows_needed(np.zeros((10, 3)), law) is None


def not_run(z, seed=0):
    answers = Model()(z, PAPER, np.random.default_rng(seed))
    return [c.code for c in audit_once(z, answers, PAPER.law, 256, keep_label=False) if c.outcome is Outcome.NOT_RUN]


@pytest.mark.parametrize(("classes", "too_few"), [(2, 600), (3, 300), (4, 280), (10, 300), (100, 350)])
def test_the_rows_needed_are_enough_for_every_check_of_one_call(classes, too_few):
    z = logits(np.random.default_rng(0), 2000, classes, 4.0)
    needed = rows_needed(z, PAPER.law)
    assert too_few < needed < 1000
    assert not_run(z[:needed]) == []
    assert not_run(z[:too_few]) != []
