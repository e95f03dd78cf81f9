"""Quantile regression, on queries whose law is known."""

from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.methods.quantile import QUANTILE
from support.evidence import drawn


def known_law(rows=4000, learnt=0.0):
    """Draw logits around sin(3x), as far from it as 0.5 + |x|; half of the rows are auxiliary."""
    evidence, member = drawn(shadows=2, rows=rows, classes=2)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, rows)
    auxiliary = np.arange(rows) < rows // 2
    apart = rng.normal(size=rows) + learnt * (member & ~auxiliary)
    logit = np.sin(3 * x) + (0.5 + np.abs(x)) * apart
    features = np.column_stack([x, rng.normal(size=rows)]).astype(np.float32)
    signals = replace(evidence.signals, logit=logit)
    return replace(evidence, signals=signals, features=features, auxiliary=auxiliary), apart, member


def test_it_tells_how_many_standard_deviations_a_query_is_above_the_median():
    evidence, apart, _ = known_law(rows=20_000)
    scores = QUANTILE.score(evidence)[~evidence.auxiliary]
    expected = apart[~evidence.auxiliary]
    assert np.corrcoef(scores, expected)[0, 1] > 0.95
    assert np.abs(scores - expected).mean() < 0.25
    # Of non-members, half stand above the median, and 16 in 100 above the quantile of 0.84.
    assert (scores > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (scores > 1).mean() == pytest.approx(0.16, abs=0.04)


def test_members_stand_as_far_above_it_as_having_learnt_moves_them():
    evidence, _, member = known_law(learnt=2.0)
    scores = QUANTILE.score(evidence)
    judged = ~evidence.auxiliary
    assert np.median(scores[judged & member]) - np.median(scores[judged & ~member]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("rows", [200, 1000, 4000])
def test_quantiles_that_cross_carry_no_query_away(rows):
    """The largest of so many standard normals is below 4, and the scale is off by no more than its spread."""
    evidence, apart, _ = known_law(rows)
    assert np.abs(QUANTILE.score(evidence)).max() < 3 * np.abs(apart).max()


def test_the_label_is_looked_at():
    evidence, _, _ = known_law()
    moved = replace(evidence.signals, logit=evidence.signals.logit + 10 * evidence.y)
    scores = QUANTILE.score(replace(evidence, signals=moved))[~evidence.auxiliary]
    of_label = evidence.y[~evidence.auxiliary]
    assert np.median(scores[of_label == 1]) - np.median(scores[of_label == 0]) == pytest.approx(0, abs=0.3)


def test_it_wants_a_hundred_auxiliary_rows():
    evidence, _, _ = known_law(rows=300)
    assert QUANTILE.has_means(evidence)
    assert not QUANTILE.has_means(replace(evidence, auxiliary=np.arange(300) < 99))
    assert QUANTILE.lacking(0, 100) is None
    assert QUANTILE.lacking(0, 99) == "needs 100 auxiliary rows or more, and has 99"
    assert QUANTILE.lacking(0, 0) == "needs 100 auxiliary rows or more, and has none"
