"""RMIA, against all pairs and against the paper's formulas, one row at a time."""

import numpy as np
import pytest

from dynanoise_export.attacks.methods import rmia
from support.evidence import random_evidence


@pytest.mark.parametrize("gamma", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("ties", [True, False])
def test_the_share_is_that_of_all_pairs(gamma, ties):
    rng = np.random.default_rng(0)
    ratios, population = rng.normal(size=300), rng.normal(size=200)
    if ties:
        ratios, population = np.round(ratios, 1), np.round(population, 1)
    pairs = ratios[:, None] - np.log(gamma) >= population[None, :]
    np.testing.assert_array_equal(rmia.relative(ratios, population, gamma), pairs.mean(axis=1))


def formula(label, p, trained_on, online):
    """Zarifzadeh et al. 2024: Pr(x) = (Pr_in + Pr_out) / 2, or ((1 + a) Pr_out + (1 - a)) / 2 with a = 0.3."""
    ratios = []
    for i in range(len(label)):
        outside = p[~trained_on[:, i], i].mean()
        normalising = (p[trained_on[:, i], i].mean() + outside) / 2 if online else (1.3 * outside + 0.7) / 2
        ratios.append(np.exp(label[i]) / normalising)
    return np.array(ratios)


@pytest.mark.parametrize("online", [True, False])
def test_the_ratios_match_the_papers_formulas(online):
    evidence, _ = random_evidence()
    theirs, trained_on = evidence.shadows.signals.label, evidence.shadows.trained_on
    found = rmia.log_ratios(evidence.signals.label, theirs, trained_on, online=online)
    np.testing.assert_allclose(
        np.exp(found), formula(evidence.signals.label, np.exp(theirs), trained_on, online), rtol=1e-12
    )


@pytest.mark.parametrize(("attack", "online"), [(rmia.ONLINE, True), (rmia.OFFLINE, False)])
def test_the_attacks_use_all_rows_as_the_population(attack, online):
    evidence, member = random_evidence(rows=80)
    theirs, trained_on = np.exp(evidence.shadows.signals.label), evidence.shadows.trained_on
    ratios = formula(evidence.signals.label, theirs, trained_on, online)
    scores = attack.score(evidence)
    np.testing.assert_array_equal(scores, (ratios[:, None] >= ratios[None, :] * (1 - 1e-12)).mean(axis=1))
    assert scores[member].mean() > scores[~member].mean()


def test_offline_ignores_models_trained_on_the_row():
    evidence, _ = random_evidence()
    theirs, trained_on = evidence.shadows.signals.label, evidence.shadows.trained_on
    np.testing.assert_array_equal(
        rmia.log_ratios(evidence.signals.label, theirs, trained_on, online=False),
        rmia.log_ratios(evidence.signals.label, np.where(trained_on, -50.0, theirs), trained_on, online=False),
    )


def test_labels_that_all_models_find_impossible_are_still_compared():
    """exp(-800) is 0 in float64, and exp(-800) / exp(-760) is not."""
    trained_on = np.array([[True], [True], [False], [False]])
    theirs = np.full((4, 1), -760.0)
    assert rmia.log_ratios(np.array([-800.0]), theirs, trained_on, online=True) == pytest.approx(-40)
