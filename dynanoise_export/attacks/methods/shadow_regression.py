"""The shadow-model attack of the DynaNoise paper: logistic regression on confidence, loss and margin."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.attacks.signals import Signals
from dynanoise_export.types import Float64s

# This many rows are enough to fit three weights.
MOST_ROWS = 100_000


def _features(signals: Signals) -> Float64s:
    return np.stack([np.exp(signals.confidence), -signals.label, signals.margin], axis=-1)


def _score(evidence: Evidence) -> Float64s:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    shadows = shadows_of(evidence)
    rows = np.random.default_rng(0).permutation(shadows.trained_on.size)[:MOST_ROWS]
    features = _features(shadows.signals).reshape(-1, 3)[rows]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, shadows.trained_on.ravel()[rows])
    return np.asarray(model.decision_function(_features(evidence.signals)))


SHADOW_REGRESSION = Attack(
    "shadow-regression",
    "shadow regression",
    "Forough and Haddadi 2025, section 7.2",
    _score,
    shadows=4,
    fixed_threshold=0.0,
    package="sklearn",
)
