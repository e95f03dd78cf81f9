"""LiRA, against one query at a time with scipy's normal distribution."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from dynanoise_export.attacks.evidence import Labels
from dynanoise_export.attacks.methods import lira
from dynanoise_export.attacks.methods.label_lira import LABEL_LIRA
from support.evidence import drawn


def parts(columns=50, models=10, seed=0):
    rng = np.random.default_rng(seed)
    kept = rng.permuted(np.tile(np.arange(models) % 2 == 0, (columns, 1)), axis=1).T
    values = rng.normal(size=(models, columns)) * rng.uniform(0.5, 2, columns) + kept
    return rng.normal(size=columns), values, kept


def one_by_one(values, kept):
    return [(values[kept[:, i], i], values[~kept[:, i], i]) for i in range(values.shape[1])]


def pooled(sides):
    """Give the standard deviation of values around their own means, whatever query they are of."""
    return np.sqrt(sum(((v - v.mean()) ** 2).sum() for v in sides) / sum(len(v) - 1 for v in sides))


@pytest.mark.parametrize("fixed_variance", [False, True])
@pytest.mark.parametrize("columns", [1, 50, 2049, 5000])
def test_online_is_the_ratio_of_two_normal_densities(fixed_variance, columns):
    own, values, kept = parts(columns)
    sides = one_by_one(values, kept)
    common = pooled([inside for inside, _ in sides]), pooled([outside for _, outside in sides])
    expected = []
    for x, (inside, outside) in zip(own, sides, strict=True):
        scale_in, scale_out = common if fixed_variance else (inside.std(ddof=1), outside.std(ddof=1))
        expected.append(norm.logpdf(x, inside.mean(), scale_in) - norm.logpdf(x, outside.mean(), scale_out))
    found = lira.online(own, values, kept, fixed_variance=fixed_variance)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fixed_variance", [False, True])
def test_offline_ranks_as_the_probability_of_a_lower_value_by_a_model_that_has_not_learnt_the_query(fixed_variance):
    own, values, kept = parts(3000)
    sides = one_by_one(values, kept)
    common = pooled([outside for _, outside in sides])
    expected = [
        norm.logcdf(x, outside.mean(), common if fixed_variance else outside.std(ddof=1))
        for x, (_, outside) in zip(own, sides, strict=True)
    ]
    found = lira.offline(own, values, kept, fixed_variance=fixed_variance)
    np.testing.assert_allclose(norm.logcdf(found), expected, rtol=1e-12)


def test_offline_does_not_look_at_models_that_have_learnt_the_query():
    own, values, kept = parts()
    other = np.where(kept, 1e6, values)
    for fixed in (False, True):
        np.testing.assert_array_equal(
            lira.offline(own, values, kept, fixed_variance=fixed), lira.offline(own, other, kept, fixed_variance=fixed)
        )


def test_sides_need_not_be_of_one_size():
    own, values, _ = parts(models=6)
    kept = np.tile([[True], [True], [False], [False], [False], [False]], (1, 50))
    expected = [
        norm.logpdf(x, v[:2].mean(), v[:2].std(ddof=1)) - norm.logpdf(x, v[2:].mean(), v[2:].std(ddof=1))
        for x, v in zip(own, values.T, strict=True)
    ]
    np.testing.assert_allclose(lira.online(own, values, kept, fixed_variance=False), expected, rtol=1e-12, atol=1e-12)


def test_models_that_all_say_the_same_make_no_certainty_of_a_trifle():
    kept = np.array([[True], [True], [False], [False]])
    found = lira.online(np.array([3 + 1e-9]), np.full((4, 1), 3.0), kept, fixed_variance=False)
    assert found == 0


def test_a_query_that_one_model_alone_has_learnt_gets_no_score_of_its_own_variance():
    own, values, kept = parts(3)
    kept[:, 0] = np.arange(10) == 4
    assert np.isnan(lira.online(own, values, kept, fixed_variance=False)).tolist() == [True, False, False]
    assert np.isfinite(lira.online(own, values, kept, fixed_variance=True)).all()


@pytest.mark.parametrize(
    ("attack", "function", "fixed"),
    [
        (lira.ONLINE, lira.online, False),
        (lira.ONLINE_FIXED, lira.online, True),
        (lira.OFFLINE, lira.offline, False),
        (lira.OFFLINE_FIXED, lira.offline, True),
    ],
)
def test_the_attacks_look_at_the_scaled_confidences(attack, function, fixed):
    evidence, member = drawn()
    shadows = evidence.shadows
    expected = function(evidence.signals.logit, shadows.signals.logit, shadows.kept, fixed_variance=fixed)
    scores = attack.score(evidence)
    np.testing.assert_array_equal(scores, expected)
    assert scores[member].mean() > scores[~member].mean()


def test_online_finds_members_that_the_loss_does_not():
    """Half of the queries are hard and half easy, which hides what having learnt them does."""
    rng = np.random.default_rng(0)
    member = np.arange(2000) % 2 == 0
    kept = rng.random((32, 2000)) < 0.5
    hardness = rng.normal(scale=10, size=2000)
    own, values = hardness + member + rng.normal(size=2000), hardness + kept + rng.normal(size=(32, 2000))
    scores = lira.online(own, values, kept, fixed_variance=True)
    # One standard deviation apart, with known means: Φ(1/√2) = 0.76 of the pairs stand in order.
    inside, outside = scores[member], scores[~member]
    assert np.mean(inside[:, None] > outside) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert np.mean(own[member][:, None] > own[~member]) < 0.55


def test_on_labels_alone_the_models_of_either_side_are_mixed_evenly():
    evidence, _ = drawn()
    shadows, right, of = evidence.shadows, evidence.labels.right, evidence.labels.of
    expected = []
    for i in range(len(right)):
        share = (shadows.labels.right[:, i] + 0.5) / (shadows.labels.of + 1)
        likelihood = binom.pmf(right[i], of, share)
        kept = shadows.kept[:, i]
        expected.append(np.log(likelihood[kept].mean() / likelihood[~kept].mean()))
    np.testing.assert_allclose(LABEL_LIRA.score(evidence), expected, rtol=1e-10, atol=1e-12)


def test_on_labels_alone_many_answers_do_not_underflow():
    evidence, _ = drawn()
    many = replace(evidence, labels=Labels(evidence.labels.right * 10_000, evidence.labels.of * 10_000))
    assert np.isfinite(LABEL_LIRA.score(many)).all()
