"""Quantile regression: how far the scaled confidence is above what the query itself lets one expect."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, Scores

# The median, and what a Gaussian has one standard deviation above it.
MIDDLE, UPPER = 0.5, 0.84
SMALLEST_SCALE = 1e-3


def _score(evidence: Evidence) -> Scores:
    """Learn the quantiles on auxiliary rows, and tell how far above the median a query stands."""
    queries = np.column_stack([evidence.features, evidence.y])
    known = evidence.auxiliary
    middle, upper = (
        HistGradientBoostingRegressor(loss="quantile", quantile=quantile, max_iter=50, random_state=0)
        .fit(queries[known], evidence.signals.logit[known])
        .predict(queries)
        for quantile in (MIDDLE, UPPER)
    )
    return np.asarray((evidence.signals.logit - middle) / np.maximum(upper - middle, SMALLEST_SCALE))


QUANTILE = Attack("quantile regression", "Bertran et al. 2023", _score, auxiliary=100)
