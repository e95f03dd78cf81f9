import numpy as np
import pytest
from scipy.stats import entropy

from dynanoise_models.training_defences.hamp import HighEntropyLoss, label_probability
from support.training_defences import loss_and_slopes, softmax, some_logits


@pytest.mark.parametrize(("classes", "gamma"), [(2, 0.5), (10, 0.95), (30, 0.5), (100, 0.999)])
def test_a_soft_label_has_the_entropy_that_is_asked_for_and_still_names_its_class(classes, gamma):
    own = label_probability(classes, gamma)
    others = (1 - own) / (classes - 1)
    assert entropy([own] + [others] * (classes - 1)) == pytest.approx(gamma * np.log(classes))
    assert own > others


def test_half_a_bit_is_the_entropy_of_a_coin_of_eleven_percent():
    assert label_probability(2, 0.5) == pytest.approx(0.889972, abs=1e-6)


def test_without_entropy_the_label_is_certain():
    assert label_probability(10, 0) == 1


@pytest.mark.parametrize(("gamma", "alpha"), [(0, 0), (0.6, 0), (0.6, 0.4)])
def test_the_loss_is_the_divergence_minus_the_weighted_entropy(gamma, alpha):
    logits, y = some_logits()
    p, own = softmax(logits), label_probability(4, gamma)
    labels = np.where(np.eye(4)[y], own, (1 - own) / 3)
    loss, slopes = loss_and_slopes(HighEntropyLoss(gamma, alpha), logits, y)
    of_answers = entropy(p, axis=1)
    assert loss == pytest.approx((entropy(labels, p, axis=1) - alpha * of_answers).mean())
    by_hand = p - labels + alpha * p * (np.log(p) + of_answers[:, None])
    np.testing.assert_allclose(slopes, by_hand / 5, atol=1e-12)


def test_each_model_of_a_stack_has_its_own_loss():
    logits, y = some_logits(3)
    losses, slopes = loss_and_slopes(HighEntropyLoss(0.5, 0.1), logits, y)
    for model in range(3):
        loss, own = loss_and_slopes(HighEntropyLoss(0.5, 0.1), logits[model], y[model])
        assert losses[model] == pytest.approx(loss)
        np.testing.assert_allclose(slopes[model], own, atol=1e-12)
