"""BaVarIA, against numerical integrals over its prior, and against LiRA at its two ends."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import invgamma, multivariate_normal, norm, spearmanr, t

from dynanoise_export.attacks.methods import bavaria, lira
from support.evidence import random_evidence


def drawn(models, rows=4000, seed=0, spread=0.5):
    """Draw rows that differ in hardness, in their variance and in how much training on them helps."""
    rng = np.random.default_rng(seed)
    member = np.arange(rows) % 2 == 0
    trained_on = rng.permuted(np.tile(np.arange(models) % 2 == 0, (rows, 1)), axis=1).T
    hardness, noise = rng.normal(scale=4, size=rows), np.exp(rng.normal(scale=spread, size=rows))
    effect = noise * rng.exponential(2, rows)
    shadows = hardness + effect * trained_on + noise * rng.normal(size=(models, rows))
    own = hardness + effect * member + noise * rng.normal(size=rows)
    return own, shadows, trained_on, member


def auc(scores, member):
    return np.mean(scores[member][:, None] > scores[~member])


def tpr(scores, member, fpr=0.01):
    return np.mean(scores[member] > np.quantile(scores[~member], 1 - fpr))


@pytest.mark.parametrize("models", [4, 6, 8])
def test_with_few_shadow_models_it_finds_more_members_than_lira(models):
    own, shadows, trained_on, member = drawn(models)
    per_row, fixed = (lira.online(own, shadows, trained_on, fixed_variance=fixed) for fixed in (False, True))
    found = bavaria.online(own, shadows, trained_on, student_t=True)
    assert auc(found, member) > auc(per_row, member) + 0.02
    assert tpr(found, member) > tpr(per_row, member) + 0.03
    assert tpr(found, member) > tpr(fixed, member)
    normal = bavaria.online(own, shadows, trained_on, student_t=False)
    assert auc(normal, member) > auc(per_row, member) + 0.02


def test_with_many_shadow_models_it_is_lira():
    own, shadows, trained_on, _ = drawn(2000, rows=50)
    expected = lira.online(own, shadows, trained_on, fixed_variance=False)
    for student_t in (False, True):
        found = bavaria.online(own, shadows, trained_on, student_t=student_t)
        np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.1)


def test_if_all_variances_are_equal_each_side_is_lira_with_a_fixed_variance():
    own, shadows, trained_on, _ = drawn(8, spread=0)
    found = bavaria.offline(own, shadows, trained_on)
    expected = lira.offline(own, shadows, trained_on, fixed_variance=True)
    assert spearmanr(found, expected).statistic > 0.99


def test_the_mean_of_one_side_is_expected_where_the_other_side_says():
    """If training adds the same to all rows, what four models know of a row is as good as the mean of all four."""
    rng = np.random.default_rng(0)
    rows = 20_000
    trained_on = rng.permuted(np.tile(np.arange(4) % 2 == 0, (rows, 1)), axis=1).T
    hardness, member = rng.normal(scale=10, size=rows), np.arange(rows) % 2 == 0
    shadows = hardness + 2 * trained_on + rng.normal(size=(4, rows))
    own = hardness + 2 * member + rng.normal(size=rows)
    best = own - (shadows - 2 * trained_on).mean(axis=0)
    found = bavaria.online(own, shadows, trained_on, student_t=True)
    assert auc(found[:4000], member[:4000]) == pytest.approx(norm.cdf(2 / np.sqrt(2 * 1.25)), abs=0.02)
    assert spearmanr(found, best).statistic > 0.97
    assert spearmanr(lira.online(own, shadows, trained_on, fixed_variance=True), best).statistic < 0.95


def test_the_prediction_is_the_integral_over_the_posterior():
    _, shadows, trained_on, _ = drawn(6, rows=200)
    prior = bavaria.prior_of(*lira.spreads(shadows, trained_on))
    found = bavaria.predictive(*lira.spreads(shadows, trained_on))
    variances = invgamma(prior.freedom / 2, scale=prior.freedom * prior.variance / 2)

    def joint(values):
        """Integrate the density of a row's values over its variance; they share the mean, and so are correlated."""
        covariance = np.eye(len(values)) + 1 / prior.weight
        middle = np.full(len(values), prior.mean)

        def at(variance):
            return multivariate_normal.pdf(values, middle, variance * covariance) * variances.pdf(variance)

        return quad(at, 0, 20)[0] + quad(at, 20, np.inf)[0]

    for row in range(3):
        values = shadows[trained_on[:, row], row]
        for value in (values.mean(), values.mean() + 2):
            expected = joint([*values, value]) / joint(values)
            density = t.pdf(value, found.freedom[row], found.mean[row], found.scale[row])
            assert density == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("values", [3, 16])
@pytest.mark.parametrize("freedom", [4, 12])
def test_the_prior_is_found_that_rows_were_drawn_from(values, freedom):
    rng = np.random.default_rng(1)
    rows = 100_000
    variances = invgamma.rvs(freedom / 2, scale=freedom * 2 / 2, size=rows, random_state=rng)
    means = rng.normal(5, np.sqrt(variances / 0.1))
    drawn = means + np.sqrt(variances) * rng.normal(size=(values, rows))
    prior = bavaria.prior_of(*lira.spreads(drawn, np.ones_like(drawn, dtype=bool)))
    assert prior.freedom == pytest.approx(freedom, rel=0.1)
    assert prior.variance == pytest.approx(2, rel=0.05)
    assert prior.mean == pytest.approx(5, abs=0.1)
    assert prior.weight == pytest.approx(0.1, rel=0.1)


def test_rows_may_differ_in_how_many_models_were_trained_on_them():
    own, shadows, trained_on, _ = drawn(7)
    trained_on[:, 0], trained_on[:, 1], trained_on[:, 2] = False, True, np.arange(7) == 3
    for student_t in (False, True):
        assert np.isfinite(bavaria.online(own, shadows, trained_on, student_t=student_t)).all()


def test_offline_ignores_models_trained_on_the_row():
    own, shadows, trained_on, member = drawn(4)
    scores = bavaria.offline(own, shadows, trained_on)
    np.testing.assert_array_equal(scores, bavaria.offline(own, np.where(trained_on, 1e6, shadows), trained_on))
    assert auc(scores, member) > auc(lira.offline(own, shadows, trained_on, fixed_variance=False), member) + 0.01


def test_the_scale_of_the_readings_does_not_matter():
    own, shadows, trained_on, _ = drawn(8)
    expected = bavaria.online(own, shadows, trained_on, student_t=True)
    found = bavaria.online(1000 * own - 7, 1000 * shadows - 7, trained_on, student_t=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_rows_on_which_all_models_agree_have_no_say_in_the_variances_of_others():
    _, shadows, trained_on, _ = drawn(8)
    expected = bavaria.prior_of(*lira.spreads(shadows[:, :2000], trained_on[:, :2000]))
    shadows[:, 2000:] = shadows[0, 2000:]
    found = bavaria.prior_of(*lira.spreads(shadows, trained_on))
    assert (found.variance, found.freedom) == pytest.approx((expected.variance, expected.freedom))


def test_shadow_models_that_all_agree_do_not_turn_a_tiny_difference_into_certainty():
    trained_on = np.array([[True], [True], [False], [False]])
    for student_t in (False, True):
        found = bavaria.online(np.array([3 + 1e-9]), np.full((4, 1), 3.0), trained_on, student_t=student_t)
        assert found == pytest.approx(0)


def test_the_attacks_use_the_scaled_confidences():
    evidence, _ = random_evidence()
    own, shadows, trained_on = evidence.signals.logit, evidence.shadows.signals.logit, evidence.shadows.trained_on
    for attack, student_t in ((bavaria.ONLINE, True), (bavaria.ONLINE_NORMAL, False)):
        expected = bavaria.online(own, shadows, trained_on, student_t=student_t)
        np.testing.assert_array_equal(attack.score(evidence), expected)
    np.testing.assert_array_equal(bavaria.OFFLINE.score(evidence), bavaria.offline(own, shadows, trained_on))
