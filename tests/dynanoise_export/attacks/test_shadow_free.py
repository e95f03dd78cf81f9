"""The estimate without shadow models, on rows of which the best attacker's TPR is known."""

import numpy as np
import pytest
from scipy.stats import norm

from dynanoise_export.attacks.methods import lira
from dynanoise_export.attacks.metrics.roc import curve, tpr_at
from dynanoise_export.attacks.shadow_free import estimate_without_shadows


def memorised(share, rows=20_000, seed=0):
    """Draw losses of a model that is sure of most rows, trained on them or not, and of the others if trained on them.

    The best attacker finds exactly those others: on the rest, training changes nothing.
    """
    rng = np.random.default_rng(seed)
    member, hard = np.arange(rows) < rows // 2, rng.random(rows) < share
    return np.where(hard & ~member, 8.0, 0.1) * rng.lognormal(0, 0.3, rows), member


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("fpr", [0.01, 0.001])
def test_it_is_the_share_of_rows_that_training_memorises(share, fpr):
    estimate = estimate_without_shadows(*memorised(share), fpr)
    assert estimate.fpr == fpr
    # The attacker also accuses others at random, as many as the FPR allows.
    assert estimate.tpr.value == pytest.approx(share + (1 - share) * fpr, abs=0.015)
    assert estimate.tpr.low < share + (1 - share) * fpr < estimate.tpr.high


def test_a_model_that_memorises_nothing_is_estimated_at_the_fpr():
    losses, _ = memorised(0.3)
    member = np.random.default_rng(1).random(len(losses)) < 0.5
    estimate = estimate_without_shadows(losses, member, 0.01)
    assert estimate.tpr.value == pytest.approx(0.01, abs=0.005)


def test_only_the_order_of_the_losses_counts():
    losses, member = memorised(0.2)
    assert estimate_without_shadows(np.log(losses), member, 0.01) == estimate_without_shadows(losses, member, 0.01)


def test_it_is_no_bound_where_training_shifts_each_row_a_little():
    """Hardness hides the shift from whoever sees one model; LiRA, with the known law, takes it away."""
    rng = np.random.default_rng(0)
    rows = 20_000
    member, hardness = np.arange(rows) % 2 == 0, rng.normal(scale=10, size=rows)
    trained_on = rng.permuted(np.tile(np.arange(64) % 2 == 0, (rows, 1)), axis=1).T
    own = hardness + 2 * member + rng.normal(size=rows)
    shadows = hardness + 2 * trained_on + rng.normal(size=(64, rows))
    truth = tpr_at(curve(lira.online(own, shadows, trained_on, fixed_variance=True), member), 0.01).value
    assert truth == pytest.approx(norm.sf(norm.isf(0.01) - 2), abs=0.05)
    assert estimate_without_shadows(-own, member, 0.01).tpr.high < truth / 3


def test_with_too_few_members_there_is_no_estimate():
    losses, member = memorised(0.2, rows=600)
    assert estimate_without_shadows(losses, member, 0.001) is None
