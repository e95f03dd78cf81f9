"""An attack that never asks the model: what it finds out lies in the rows, and no defence can help it."""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.intervals import Interval

FOLDS = 5


def blind_auc(audit: Audit, features: npt.NDArray[np.float32]) -> Interval | None:
    """Tell how well members are told from non-members by their values and labels alone.

    A logistic regression is fitted on four fifths of the judged rows and scores the rest, five times over (Das et al.
    2024, "Blind baselines beat membership inference attacks").

    Returns:
        The AUC, 0.5 where both sides are drawn from the same rows; None where there are too few rows to fit on.
    """
    member = audit.member[audit.judged]
    if min(audit.members, audit.non_members) < 2 * FOLDS:
        return None
    labels = np.eye(int(audit.y.max()) + 1, dtype=np.float32)[audit.y[audit.judged]]
    rows = np.concatenate([features[audit.judged], labels], axis=1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = np.empty(len(rows))
    for fitted, held in folds.split(rows, member):
        model = LogisticRegression(max_iter=1000).fit(rows[fitted], member[fitted])
        # Ranks within the fold: intercepts differ from fold to fold by what the fold itself holds.
        scores[held] = rankdata(model.decision_function(rows[held])) / len(held)
    return auc(placements(scores, member))
