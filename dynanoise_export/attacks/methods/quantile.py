"""Quantile regression: how far the scaled confidence is above what the row itself leads one to expect."""

import numpy as np

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack
from dynanoise_export.types import Float64s

# The median, and the quantile of a Gaussian one standard deviation above it.
MIDDLE, UPPER = 0.5, 0.84
# The two are fitted apart and may meet or cross: a scale below this share of the median scale means nothing.
SMALLEST_SHARE, SMALLEST_SCALE = 0.5, 1e-3


def _score(evidence: Evidence) -> Float64s:
    """Fit the quantiles on auxiliary rows, and compute how far above the median each row is."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    rows = np.column_stack([evidence.features, evidence.y])
    known = evidence.auxiliary
    middle, upper = (
        HistGradientBoostingRegressor(loss="quantile", quantile=quantile, max_iter=50, random_state=0)
        .fit(rows[known], evidence.signals.logit[known])
        .predict(rows)
        for quantile in (MIDDLE, UPPER)
    )
    scale = upper - middle
    smallest = max(SMALLEST_SHARE * float(np.median(scale)), SMALLEST_SCALE)
    return np.asarray((evidence.signals.logit - middle) / np.maximum(scale, smallest))


QUANTILE = Attack(
    "quantile-regression", "quantile regression", "Bertran et al. 2023", _score, auxiliary=100, package="sklearn"
)
