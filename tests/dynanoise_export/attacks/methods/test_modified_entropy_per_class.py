"""The thresholds of modified entropy for each class, against all thresholds tried one by one."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from dynanoise_export.attacks.methods.modified_entropy import MODIFIED_ENTROPY_PER_CLASS
from support.evidence import random_evidence


def thresholds(evidence):
    return -evidence.signals.modified_entropy - MODIFIED_ENTROPY_PER_CLASS.score(evidence)


@pytest.mark.parametrize("seed", range(3))
def test_each_class_has_the_threshold_that_is_best_on_the_shadow_models(seed):
    evidence, _ = random_evidence(shadows=6, rows=40, classes=3, seed=seed)
    chosen = thresholds(evidence)
    for label in range(3):
        rows = evidence.y == label
        theirs = -evidence.shadows.signals.modified_entropy[:, rows].ravel()
        trained_on = evidence.shadows.trained_on[:, rows].ravel()
        assert np.ptp(chosen[rows]) == pytest.approx(0, abs=1e-12)
        best = max(balanced_accuracy_score(trained_on, theirs >= cut) for cut in theirs)
        assert balanced_accuracy_score(trained_on, theirs >= chosen[rows].mean()) == pytest.approx(best)


def test_classes_with_different_levels_are_aligned():
    """All of class 1 is above all of class 0, members or not, so only thresholds by class separate members."""
    evidence, member = random_evidence(shadows=16, rows=400, classes=2, effect=4)
    moved = 20.0 * (evidence.y == 0)
    own = replace(evidence.signals, modified_entropy=evidence.signals.modified_entropy + moved)
    theirs = replace(evidence.shadows.signals, modified_entropy=evidence.shadows.signals.modified_entropy + moved)
    evidence = replace(evidence, signals=own, shadows=replace(evidence.shadows, signals=theirs))
    scores = MODIFIED_ENTROPY_PER_CLASS.score(evidence)
    assert balanced_accuracy_score(member, scores >= 0) > 0.75


def test_a_class_on_which_shadow_models_are_useless_has_finite_scores():
    evidence, _ = random_evidence(classes=3)
    useless = np.where(evidence.y == 1, 0.7, evidence.shadows.signals.modified_entropy)
    shadows = replace(evidence.shadows, signals=replace(evidence.shadows.signals, modified_entropy=useless))
    scores = MODIFIED_ENTROPY_PER_CLASS.score(replace(evidence, shadows=shadows))
    assert np.isfinite(scores).all()
    own = evidence.signals.modified_entropy[evidence.y == 1]
    np.testing.assert_allclose(scores[evidence.y == 1], 0.7 - own)


def test_it_does_not_change_the_signals():
    evidence, _ = random_evidence()
    before = evidence.signals.modified_entropy.copy()
    MODIFIED_ENTROPY_PER_CLASS.score(evidence)
    np.testing.assert_array_equal(evidence.signals.modified_entropy, before)
