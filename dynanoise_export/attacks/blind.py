"""An attack that never queries the model: what it achieves comes from the rows, and no defence can prevent it."""

from importlib.util import find_spec

import numpy as np
from scipy.stats import rankdata

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.intervals import Interval
from dynanoise_export.types import Float32s

FOLDS = 5


def can_compare_rows() -> bool:
    """Whether the package is installed that fits the regression."""
    return find_spec("sklearn") is not None


def blind_auc(audit: Audit, features: Float32s) -> Interval | None:
    """Measure how well values and labels alone distinguish members from non-members.

    A logistic regression is fitted on four fifths of the judged rows and scores the rest, five times over.

    Args:
        audit: the n rows.
        features: float32 [n, d], their values.

    Returns:
        The AUC, 0.5 if both sets are drawn from the same rows; None if there are too few rows to fit on, or if
        scikit-learn is not installed.

    Source: Das et al. 2024, "Blind baselines beat membership inference attacks".
    """
    if not can_compare_rows():
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    member = audit.member[audit.judged]
    if min(audit.members, audit.non_members) < 2 * FOLDS:
        return None
    labels = np.eye(int(audit.y.max()) + 1, dtype=np.float32)[audit.y[audit.judged]]
    rows = np.concatenate([features[audit.judged], labels], axis=1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = np.empty(len(rows))
    for fitted, scored in folds.split(rows, member):
        model = LogisticRegression(max_iter=1000).fit(rows[fitted], member[fitted])
        # Ranks within the fold, because the intercepts of the folds differ by chance.
        scores[scored] = rankdata(model.decision_function(rows[scored])) / len(scored)
    return auc(placements(scores, member))
