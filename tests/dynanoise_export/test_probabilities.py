import numpy as np
from scipy.special import log_softmax

from dynanoise_export.probabilities import log_probabilities


def test_log_probabilities_are_the_log_softmax():
    logits = 300 * np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    np.testing.assert_allclose(log_probabilities(logits), log_softmax(logits.astype(np.float64), axis=1), atol=1e-12)


def test_log_probabilities_of_infinite_logits_are_their_limits():
    found = log_probabilities(np.array([[np.inf, 0.0], [-np.inf, 0.0], [-np.inf, -np.inf]]))
    np.testing.assert_allclose(found[:, 0], [0, -1e30, -np.log(2)])
