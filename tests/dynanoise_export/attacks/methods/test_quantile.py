"""Quantile regression, on rows with a known law."""

from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.methods.attack import Requirement, SkippedAttack
from dynanoise_export.attacks.methods.quantile import QUANTILE
from support.evidence import random_evidence


def known_law(rows=4000, effect=0.0):
    """Draw logits around sin(3x), as far from it as 0.5 + |x|; half of the rows are auxiliary."""
    evidence, member = random_evidence(shadows=2, rows=rows, classes=2)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, rows)
    auxiliary = np.arange(rows) < rows // 2
    apart = rng.normal(size=rows) + effect * (member & ~auxiliary)
    logit = np.sin(3 * x) + (0.5 + np.abs(x)) * apart
    features = np.column_stack([x, rng.normal(size=rows)]).astype(np.float32)
    signals = replace(evidence.signals, logit=logit)
    return replace(evidence, signals=signals, features=features, auxiliary=auxiliary), apart, member


def test_a_score_is_the_number_of_standard_deviations_above_the_median():
    evidence, apart, _ = known_law(rows=20_000)
    scores = QUANTILE.score(evidence)[~evidence.auxiliary]
    expected = apart[~evidence.auxiliary]
    assert np.corrcoef(scores, expected)[0, 1] > 0.95
    assert np.abs(scores - expected).mean() < 0.25
    # Half of the non-members are above the median, and 16 in 100 above the quantile of 0.84.
    assert (scores > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (scores > 1).mean() == pytest.approx(0.16, abs=0.04)


def test_members_are_as_far_above_it_as_training_moves_them():
    evidence, _, member = known_law(effect=2.0)
    scores = QUANTILE.score(evidence)
    judged = ~evidence.auxiliary
    assert np.median(scores[judged & member]) - np.median(scores[judged & ~member]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("rows", [200, 1000, 4000])
def test_quantiles_that_cross_give_no_row_a_huge_score(rows):
    """The largest of this many standard normals is below 4, and the scale is off by no more than its spread."""
    evidence, apart, _ = known_law(rows)
    assert np.abs(QUANTILE.score(evidence)).max() < 3 * np.abs(apart).max()


def test_it_uses_the_label():
    evidence, _, _ = known_law()
    moved = replace(evidence.signals, logit=evidence.signals.logit + 10 * evidence.y)
    scores = QUANTILE.score(replace(evidence, signals=moved))[~evidence.auxiliary]
    of_label = evidence.y[~evidence.auxiliary]
    assert np.median(scores[of_label == 1]) - np.median(scores[of_label == 0]) == pytest.approx(0, abs=0.3)


def test_it_needs_a_hundred_auxiliary_rows():
    evidence, _, _ = known_law(rows=300)
    assert QUANTILE.can_run(evidence)
    assert not QUANTILE.can_run(replace(evidence, auxiliary=np.arange(300) < 99))
    assert QUANTILE.missing(0, 100) is None
    assert QUANTILE.missing(0, 99) == SkippedAttack(QUANTILE, Requirement.AUXILIARY_ROWS, 100, 99)
    assert QUANTILE.missing(0, 99).reason == "needs at least 100 auxiliary rows, and has 99"
    assert QUANTILE.missing(0, 0).reason == "needs at least 100 auxiliary rows, and has none"
