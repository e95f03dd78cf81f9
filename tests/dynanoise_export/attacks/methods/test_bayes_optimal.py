"""BASE, against its formula in probabilities, and against RMIA, of which it is a form."""

import numpy as np
from scipy.stats import rankdata

from dynanoise_export.attacks.methods import bayes_optimal, rmia
from support.evidence import random_evidence


def log_probabilities(seed=0, models=8, rows=300):
    rng = np.random.default_rng(seed)
    trained_on = rng.permuted(np.tile(np.arange(models) % 2 == 0, (rows, 1)), axis=1).T
    return np.log(rng.uniform(0.01, 1, rows)), np.log(rng.uniform(0.01, 1, (models, rows))), trained_on


def test_online_is_the_log_of_the_probability_over_its_mean_over_all_models():
    own, shadows, _ = log_probabilities()
    expected = np.log(np.exp(own) / np.exp(shadows).mean(axis=0))
    np.testing.assert_allclose(bayes_optimal.online(own, shadows), expected, rtol=1e-12)


def test_offline_takes_a_third_of_the_models_that_were_not_trained_on_the_row():
    own, shadows, trained_on = log_probabilities()
    outside = [np.exp(shadows[~trained_on[:, i], i]).mean() for i in range(len(own))]
    np.testing.assert_allclose(
        bayes_optimal.offline(own, shadows, trained_on), own - 0.33 * np.log(outside), rtol=1e-12
    )


def test_a_temperature_divides_every_reading():
    own, shadows, trained_on = log_probabilities()
    np.testing.assert_allclose(
        bayes_optimal.online(own, shadows, temperature=4), bayes_optimal.online(own / 4, shadows / 4)
    )
    np.testing.assert_allclose(
        bayes_optimal.offline(own, shadows, trained_on, temperature=4),
        bayes_optimal.offline(own / 4, shadows / 4, trained_on),
    )


def test_online_ranks_rows_as_rmia_does():
    evidence, _ = random_evidence(rows=400)
    np.testing.assert_array_equal(rankdata(bayes_optimal.ONLINE.score(evidence)), rankdata(rmia.ONLINE.score(evidence)))


def test_offline_uses_the_log_probabilities_of_the_labels():
    evidence, _ = random_evidence()
    shadows = evidence.shadows
    expected = bayes_optimal.offline(evidence.signals.label, shadows.signals.label, shadows.trained_on)
    np.testing.assert_array_equal(bayes_optimal.OFFLINE.score(evidence), expected)
