"""LiRA, against one row at a time with scipy's normal distribution."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from dynanoise_export.attacks.evidence import LabelCounts
from dynanoise_export.attacks.methods import lira
from dynanoise_export.attacks.methods.label_lira import LABEL_LIRA
from support.evidence import random_evidence


def parts(columns=50, models=10, seed=0):
    rng = np.random.default_rng(seed)
    trained_on = rng.permuted(np.tile(np.arange(models) % 2 == 0, (columns, 1)), axis=1).T
    values = rng.normal(size=(models, columns)) * rng.uniform(0.5, 2, columns) + trained_on
    return rng.normal(size=columns), values, trained_on


def one_by_one(values, trained_on):
    return [(values[trained_on[:, i], i], values[~trained_on[:, i], i]) for i in range(values.shape[1])]


def pooled(sides):
    """Give the standard deviation of values around the means of their rows, for all rows together."""
    return np.sqrt(sum(((v - v.mean()) ** 2).sum() for v in sides) / sum(len(v) - 1 for v in sides))


@pytest.mark.parametrize("fixed_variance", [False, True])
@pytest.mark.parametrize("columns", [1, 50, 2049, 5000])
def test_online_is_the_ratio_of_two_normal_densities(fixed_variance, columns):
    own, values, trained_on = parts(columns)
    sides = one_by_one(values, trained_on)
    common = pooled([inside for inside, _ in sides]), pooled([outside for _, outside in sides])
    expected = []
    for x, (inside, outside) in zip(own, sides, strict=True):
        scale_in, scale_out = common if fixed_variance else (inside.std(ddof=1), outside.std(ddof=1))
        expected.append(norm.logpdf(x, inside.mean(), scale_in) - norm.logpdf(x, outside.mean(), scale_out))
    found = lira.online(own, values, trained_on, fixed_variance=fixed_variance)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fixed_variance", [False, True])
def test_offline_ranks_as_the_probability_of_a_lower_value_by_a_model_not_trained_on_the_row(fixed_variance):
    own, values, trained_on = parts(3000)
    sides = one_by_one(values, trained_on)
    common = pooled([outside for _, outside in sides])
    expected = [
        norm.logcdf(x, outside.mean(), common if fixed_variance else outside.std(ddof=1))
        for x, (_, outside) in zip(own, sides, strict=True)
    ]
    found = lira.offline(own, values, trained_on, fixed_variance=fixed_variance)
    np.testing.assert_allclose(norm.logcdf(found), expected, rtol=1e-12)


def test_offline_ignores_models_trained_on_the_row():
    own, values, trained_on = parts()
    other = np.where(trained_on, 1e6, values)
    for fixed in (False, True):
        np.testing.assert_array_equal(
            lira.offline(own, values, trained_on, fixed_variance=fixed),
            lira.offline(own, other, trained_on, fixed_variance=fixed),
        )


def test_the_two_sides_may_differ_in_size():
    own, values, _ = parts(models=6)
    trained_on = np.tile([[True], [True], [False], [False], [False], [False]], (1, 50))
    expected = [
        norm.logpdf(x, v[:2].mean(), v[:2].std(ddof=1)) - norm.logpdf(x, v[2:].mean(), v[2:].std(ddof=1))
        for x, v in zip(own, values.T, strict=True)
    ]
    np.testing.assert_allclose(
        lira.online(own, values, trained_on, fixed_variance=False), expected, rtol=1e-12, atol=1e-12
    )


def test_shadow_models_that_all_agree_do_not_turn_a_tiny_difference_into_certainty():
    trained_on = np.array([[True], [True], [False], [False]])
    found = lira.online(np.array([3 + 1e-9]), np.full((4, 1), 3.0), trained_on, fixed_variance=False)
    assert found == 0


def test_a_row_that_only_one_model_was_trained_on_has_no_score_without_a_fixed_variance():
    own, values, trained_on = parts(3)
    trained_on[:, 0] = np.arange(10) == 4
    assert np.isnan(lira.online(own, values, trained_on, fixed_variance=False)).tolist() == [True, False, False]
    assert np.isfinite(lira.online(own, values, trained_on, fixed_variance=True)).all()


@pytest.mark.parametrize(
    ("attack", "function", "fixed"),
    [
        (lira.ONLINE, lira.online, False),
        (lira.ONLINE_FIXED, lira.online, True),
        (lira.OFFLINE, lira.offline, False),
        (lira.OFFLINE_FIXED, lira.offline, True),
    ],
)
def test_the_attacks_use_the_scaled_confidences(attack, function, fixed):
    evidence, member = random_evidence()
    shadows = evidence.shadows
    expected = function(evidence.signals.logit, shadows.signals.logit, shadows.trained_on, fixed_variance=fixed)
    scores = attack.score(evidence)
    np.testing.assert_array_equal(scores, expected)
    assert scores[member].mean() > scores[~member].mean()


def test_online_finds_members_that_the_loss_does_not():
    """Rows differ in how hard they are, which hides the effect of training on them."""
    rng = np.random.default_rng(0)
    member = np.arange(2000) % 2 == 0
    trained_on = rng.random((32, 2000)) < 0.5
    hardness = rng.normal(scale=10, size=2000)
    own, values = hardness + member + rng.normal(size=2000), hardness + trained_on + rng.normal(size=(32, 2000))
    scores = lira.online(own, values, trained_on, fixed_variance=True)
    # One standard deviation apart, with known means: Φ(1/√2) = 0.76 of the pairs are in order.
    inside, outside = scores[member], scores[~member]
    assert np.mean(inside[:, None] > outside) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert np.mean(own[member][:, None] > own[~member]) < 0.55


def test_on_labels_alone_the_models_of_each_side_are_mixed_evenly():
    evidence, _ = random_evidence()
    shadows, correct, answers = evidence.shadows, evidence.labels.correct, evidence.labels.answers
    expected = []
    for i in range(len(correct)):
        share = (shadows.labels.correct[:, i] + 0.5) / (shadows.labels.answers + 1)
        likelihood = binom.pmf(correct[i], answers, share)
        trained_on = shadows.trained_on[:, i]
        expected.append(np.log(likelihood[trained_on].mean() / likelihood[~trained_on].mean()))
    np.testing.assert_allclose(LABEL_LIRA.score(evidence), expected, rtol=1e-10, atol=1e-12)


def test_on_labels_alone_many_answers_do_not_underflow():
    evidence, _ = random_evidence()
    many = replace(evidence, labels=LabelCounts(evidence.labels.correct * 10_000, evidence.labels.answers * 10_000))
    assert np.isfinite(LABEL_LIRA.score(many)).all()
