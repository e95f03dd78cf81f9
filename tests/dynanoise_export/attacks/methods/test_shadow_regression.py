"""The papers' regression, against scikit-learn on the same three features."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dynanoise_export.attacks.methods.shadow_regression import SHADOW_REGRESSION
from support.evidence import random_evidence


def features(log_p, y):
    p = np.exp(log_p)
    ordered = np.sort(p, axis=1)
    return np.column_stack([ordered[:, -1], -log_p[np.arange(len(y)), y], ordered[:, -1] - ordered[:, -2]])


@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learns_on_standardised_confidence_loss_and_margin(seed):
    evidence, member = random_evidence(shadows=6, rows=300, seed=seed)
    x = np.vstack([features(evidence.shadows.log_p(model), evidence.y) for model in range(6)])
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(tol=1e-8, max_iter=1000).fit((x - mean) / deviation, evidence.shadows.trained_on.ravel())
    expected = model.decision_function((features(evidence.log_p, evidence.y) - mean) / deviation)
    scores = SHADOW_REGRESSION.score(evidence)
    np.testing.assert_allclose(scores, expected, atol=5e-3)  # where its solver stops
    assert scores[member].mean() > scores[~member].mean()


def test_its_fixed_threshold_is_where_both_sides_are_equally_likely():
    assert SHADOW_REGRESSION.fixed_threshold == 0
    evidence, member = random_evidence(shadows=16, rows=2000)
    said = SHADOW_REGRESSION.score(evidence) >= 0
    assert said.mean() == pytest.approx(0.5, abs=0.1)
    assert (said == member).mean() > 0.6
