import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax, logit, softmax

from dynanoise_export.errors import UnsupportedModelError, UsageError
from dynanoise_export.sources.scores_to_logits import logits_of

Z = np.random.default_rng(0).normal(0, 3, (50, 4))


def test_logits_stay_as_they_are():
    np.testing.assert_array_equal(logits_of(Z, "it"), Z)
    np.testing.assert_array_equal(logits_of(Z.astype(np.float32).tolist(), "it"), Z.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_become_their_logarithm(dtype):
    np.testing.assert_allclose(logits_of(softmax(Z, axis=1).astype(dtype), "it"), log_softmax(Z, axis=1), rtol=1e-5)


def test_a_probability_of_zero_is_finite():
    logits = logits_of(np.eye(4, dtype=np.float32), "it")
    assert np.isfinite(logits).all()
    assert (logits.argmax(axis=1) == np.arange(4)).all()


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 1, 1)])
def test_one_score_stands_for_the_second_of_two_classes(shape):
    z = Z[:, 0]
    as_logits = logits_of(z.reshape(shape), "it", binary=True)
    np.testing.assert_allclose(as_logits[:, 1] - as_logits[:, 0], z)
    as_probabilities = logits_of(expit(z).reshape(shape), "it", binary=True)
    np.testing.assert_allclose(as_probabilities, np.stack([log_expit(-z), log_expit(z)], axis=1), atol=1e-6)


def test_one_probability_near_one_is_known_to_its_last_digits():
    sure = logits_of(np.array([0.5, 1.0], np.float32), "it", binary=True)[1]
    # 1 − p is known to one in ten thousand roundings of float32, 1.2e-3.
    assert sure[1] - sure[0] == pytest.approx(logit(1 - 1.2e-3), abs=0.1)


@pytest.mark.parametrize(
    "scores",
    [np.full((5, 3), np.nan), 100 * softmax(Z, axis=1), expit(Z), np.array(["a"]), 3.0, [], [[1.0, 2.0], [3.0]]],
    ids=["NaN", "percentages", "several labels", "texts", "one number", "nothing", "rows of different length"],
)
def test_other_scores_are_refused(scores):
    with pytest.raises(UnsupportedModelError, match="it"):
        logits_of(scores, "it")


def test_the_option_binary_must_fit():
    with pytest.raises(UnsupportedModelError, match="--binary"):
        logits_of(Z[:, :1], "it")
    with pytest.raises(UsageError, match="--binary"):
        logits_of(Z, "it", binary=True)
