"""The privacy risk score, against counts made one by one."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dynanoise_export.attacks.methods.privacy_risk import PRIVACY_RISK
from support.evidence import random_evidence


def counted_risks(evidence):
    """Count members and non-members of the row's class between the same two quantiles, and add one to each count."""
    theirs, trained_on = evidence.shadows.signals.modified_entropy, evidence.shadows.trained_on
    edges = [-np.inf, *np.quantile(theirs, [i / 30 for i in range(1, 30)]), np.inf]
    risks = []
    for value, label in zip(evidence.signals.modified_entropy, evidence.y, strict=True):
        low, high = next((a, b) for a, b in pairwise(edges) if a < value <= b)
        sides = {True: 1, False: 1}
        for model in range(len(trained_on)):
            for row in np.flatnonzero(evidence.y == label):
                sides[bool(trained_on[model, row])] += low < theirs[model, row] <= high
        risks.append(sides[True] / (sides[True] + sides[False]))
    return risks


@pytest.mark.parametrize("classes", [2, 4])
def test_it_is_the_share_of_members_in_the_same_bin(classes):
    evidence, member = random_evidence(classes=classes)
    scores = PRIVACY_RISK.score(evidence)
    np.testing.assert_allclose(scores, counted_risks(evidence), rtol=1e-14)
    assert scores[member].mean() > scores[~member].mean()


def test_values_outside_the_shadow_models_range_fall_into_the_outermost_bins():
    evidence, _ = random_evidence()
    far = replace(evidence.signals, modified_entropy=np.where(np.arange(60) < 30, -1.0, 99.0))
    evidence = replace(evidence, signals=far)
    np.testing.assert_allclose(PRIVACY_RISK.score(evidence), counted_risks(evidence), rtol=1e-14)


def test_it_is_a_probability():
    """In bins with hundreds of rows each, the share of members is the score."""
    evidence, member = random_evidence(shadows=16, rows=4000, classes=2, effect=2)
    scores = PRIVACY_RISK.score(evidence)
    for low, high in ((0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1)):
        inside = (scores >= low) & (scores < high)
        assert inside.sum() > 100
        assert member[inside].mean() == pytest.approx(scores[inside].mean(), abs=0.06)
