"""The papers' shadow-model attack: logistic regression on confidence, loss and margin."""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores, shadows_of
from dynanoise_export.attacks.signals import Signals

# Three weights are known well enough from so many rows.
MOST_ROWS = 100_000


def _features(signals: Signals) -> npt.NDArray[np.float64]:
    return np.stack([np.exp(signals.confidence), -signals.label, signals.margin], axis=-1)


def _score(evidence: Evidence) -> Scores:
    shadows = shadows_of(evidence)
    rows = np.random.default_rng(0).permutation(shadows.kept.size)[:MOST_ROWS]
    features = _features(shadows.signals).reshape(-1, 3)[rows]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, shadows.kept.ravel()[rows])
    return np.asarray(model.decision_function(_features(evidence.signals)))


SHADOW_REGRESSION = Attack("shadow regression", "Forough and Haddadi 2025, section 7.2", _score, shadows=4, cut=0.0)
