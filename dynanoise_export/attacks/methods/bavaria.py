"""BaVarIA: LiRA whose means and variances lean on those of all rows, so that few shadow models are enough.

From the paper: the values that the models of one side (trained on the row, or not) give for a row are normal with an
unknown mean and variance; these have a conjugate normal-inverse-gamma prior; the likelihood is the posterior predictive
Student t, or a normal distribution with the stabilised variance.

Ours: how the prior is found, because every query plan yields numbers on another scale. All rows of one side together
give it (empirical Bayes). Its variance and its degrees of freedom are Smyth's (2004), by the mean and the variance of
the rows' log-variances. Its mean lies, for each row, on the line that predicts the mean of one side from that of the
other: a row that is hard for models that were not trained on it is hard for the others too. Its weight compares the
variance within rows with that of their means around the line. The offline attack is ours too: by how many predictive
scales the row is above its "out" models, whose prior has one mean for all rows.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import norm, t

from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.methods.attack import Attack, shadows_of
from dynanoise_export.attacks.methods.lira import SMALLEST_VARIANCE, spreads
from dynanoise_export.types import Bools, Float64s, Int64s

SOURCE = "Brännvall 2026"
# The values of each row: their number, their mean, and the sum of their squared distances from it; each [n].
Spreads = tuple[Int64s, Float64s, Float64s]
# The degrees of freedom of the prior of a variance: from hardly any pull to one variance for all rows.
FEWEST, MOST = 0.1, 1e4
# A variance below this share of the mean variance is that of models that all agree; it has no logarithm, and so no say
# in the prior.
NO_VARIANCE = 1e-12


@dataclass(frozen=True)
class Prior:
    """A normal-inverse-gamma distribution of a row's mean and variance.

    Attributes:
        mean: of the rows' means.
        weight: κ; the mean counts as much as so many values of the row.
        variance: the scale of the rows' variances.
        freedom: ν, the degrees of freedom; the variance counts as much as so many values of the row.
    """

    mean: float
    weight: float
    variance: float
    freedom: float


@dataclass(frozen=True)
class Predictive:
    """What the next value of each of n rows is distributed like: Student t.

    Attributes:
        mean: [n].
        scale: [n].
        freedom: [n], the degrees of freedom.
    """

    mean: Float64s
    scale: Float64s
    freedom: Float64s


def online(own: Float64s, shadows: Float64s, trained_on: Bools, *, student_t: bool) -> Float64s:
    """Compute the log-likelihood ratio of membership for each row.

    Args:
        own: [n], the target's scaled confidences, or what else a query plan reads: any real numbers.
        shadows: [m, n], those of the shadow models. Rows may differ in how many models were trained on them; with none
            on one side, the prior stands alone.
        trained_on: bool [m, n], which of the models were trained on the row.
        student_t: take the posterior predictive Student t, or else a normal distribution of the same mean and scale.
    """
    inside, outside = spreads(shadows, trained_on), spreads(shadows, ~trained_on)
    with_row = predictive(*inside, expected_means(inside, outside))
    without = predictive(*outside, expected_means(outside, inside))
    return _log_density(own, with_row, student_t) - _log_density(own, without, student_t)


def offline(own: Float64s, shadows: Float64s, trained_on: Bools) -> Float64s:
    """Compute by how many predictive scales each row is above the models that were not trained on it.

    The arguments are those of `online`; models that were trained on a row are ignored for it.
    """
    outside = predictive(*spreads(shadows, ~trained_on))
    return (own - outside.mean) / outside.scale


def expected_means(side: Spreads, other: Spreads) -> Float64s:
    """Predict the mean of each row on one side, [n], from that on the other, by the least-squares line of all rows."""
    (counts, means, _), (other_counts, others, _) = side, other
    both = (counts > 0) & (other_counts > 0)
    if not both.any() or np.ptp(others[both]) == 0:
        return np.zeros(len(means))
    slope = np.cov(means[both], others[both])[0, 1] / others[both].var(ddof=1)
    middle = others[both].mean()
    known = np.where(other_counts > 0, others, middle)
    return np.asarray(means[both].mean() + slope * (known - middle))


def predictive(counts: Int64s, means: Float64s, squares: Float64s, expected: Float64s | float = 0.0) -> Predictive:
    """Predict the next value of each of n rows from its values, and from the prior of all rows.

    Args:
        counts: [n], the number of values of each row; at least one row has two.
        means: [n], their means.
        squares: [n], the sums of their squared distances from the mean.
        expected: [n], where the means are expected before a value is seen; the prior is that of the distances from it.
    """
    apart = means - expected
    prior = prior_of(counts, apart, squares)
    weight, freedom = prior.weight + counts, prior.freedom + counts
    mean = expected + (prior.weight * prior.mean + counts * apart) / weight
    surprise = prior.weight * counts / weight * (apart - prior.mean) ** 2
    variance = (prior.freedom * prior.variance + squares + surprise) / freedom
    return Predictive(mean, np.sqrt(variance * (1 + 1 / weight)), np.asarray(freedom, np.float64))


def prior_of(counts: Int64s, means: Float64s, squares: Float64s) -> Prior:
    """Estimate the prior from n rows.

    The arguments are those of `predictive`.

    Source: Smyth 2004, section 6.2, for the variances.
    """
    known = counts > 1
    within = max(float(squares[known].sum() / (counts[known] - 1).sum()), SMALLEST_VARIANCE)
    varied = known & (squares > NO_VARIANCE * within * counts)
    variance, freedom = _variances(squares[varied], counts[varied] - 1) if varied.any() else (within, MOST)
    some = counts > 0
    between = means[some].var(ddof=1) - (within / counts[some]).mean() if some.sum() > 1 else 0.0
    return Prior(float(means[some].mean()), within / max(float(between), SMALLEST_VARIANCE), variance, freedom)


def _variances(squares: Float64s, freedom: Int64s) -> tuple[float, float]:
    """Estimate the scale and the degrees of freedom of the rows' variances, from sums of squares > 0 [n]."""
    # The logarithm of a χ² variable over its degrees of freedom d has the mean ψ(d/2) − log(d/2) and the variance
    # ψ'(d/2); whatever the logarithms vary beyond that is the rows' own.
    logs = np.log(squares / freedom) + np.log(freedom / 2) - digamma(freedom / 2)
    own = float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean()) if len(logs) > 1 else 0.0
    found = _degrees_of_freedom(own)
    return float(np.exp(logs.mean() + digamma(found / 2) - np.log(found / 2))), found


def _degrees_of_freedom(variance: float) -> float:
    """Find the ν for which the logarithm of an inverse-gamma variable varies so much: ψ'(ν/2)."""

    def excess(log_freedom: float) -> float:
        return float(polygamma(1, np.exp(log_freedom) / 2)) - variance

    if excess(np.log(MOST)) >= 0:
        return MOST
    if excess(np.log(FEWEST)) <= 0:
        return FEWEST
    return float(np.exp(brentq(excess, np.log(FEWEST), np.log(MOST))))


def _log_density(values: Float64s, row: Predictive, student_t: bool) -> Float64s:
    # A frozen law would take longer to make than the densities of a few hundred rows.
    if student_t:
        return np.asarray(t.logpdf(values, row.freedom, row.mean, row.scale), np.float64)
    return np.asarray(norm.logpdf(values, row.mean, row.scale), np.float64)


def _online(evidence: Evidence, student_t: bool) -> Float64s:
    shadows = shadows_of(evidence)
    return online(evidence.signals.logit, shadows.signals.logit, shadows.trained_on, student_t=student_t)


def _offline(evidence: Evidence) -> Float64s:
    shadows = shadows_of(evidence)
    return offline(evidence.signals.logit, shadows.signals.logit, shadows.trained_on)


ONLINE = Attack("bavaria-online", "BaVarIA, online", SOURCE, partial(_online, student_t=True), shadows=4)
ONLINE_NORMAL = Attack(
    "bavaria-online-normal", "BaVarIA, online, normal", SOURCE, partial(_online, student_t=False), shadows=4
)
OFFLINE = Attack("bavaria-offline", "BaVarIA, offline", SOURCE, _offline, shadows=4)
