import numpy as np
import pytest

from dynanoise_models.training_defences.relaxloss import RelaxedLoss
from support.training_defences import loss_and_slopes, softmax, some_logits


def by_hand(logits, y):
    """Give the cross-entropy, and its slopes."""
    p = softmax(logits)
    return -np.log(p[np.arange(len(y)), y]).mean(), (p - np.eye(4)[y]) / len(y)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_batch_above_alpha_is_learnt_as_usual(epoch):
    logits, y = some_logits()
    wanted, slopes = by_hand(logits, y)
    loss, got = loss_and_slopes(RelaxedLoss(wanted - 0.01), logits, y, epoch)
    assert loss == pytest.approx(wanted)
    np.testing.assert_allclose(got, slopes, atol=1e-12)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_batch_below_alpha_is_unlearnt_in_every_second_epoch(epoch):
    logits, y = some_logits()
    wanted, slopes = by_hand(logits, y)
    _, got = loss_and_slopes(RelaxedLoss(wanted + 0.01), logits, y, epoch)
    np.testing.assert_allclose(got, -slopes, atol=1e-12)


def test_otherwise_the_wrong_classes_are_made_equal_and_the_label_keeps_its_probability():
    logits, y = some_logits()
    p, own = softmax(logits), np.eye(4)[y].astype(bool)
    wanted, _ = by_hand(logits, y)
    loss, got = loss_and_slopes(RelaxedLoss(wanted + 0.01), logits, y, 1)
    soft = np.where(own, p, (1 - p[own][:, None]) / 3)
    assert loss == pytest.approx(-(soft * np.log(p)).sum(axis=1).mean())
    np.testing.assert_allclose(got, (p - soft) / 5, atol=1e-12)
    np.testing.assert_allclose(got[own], 0, atol=1e-12)


@pytest.mark.parametrize("epoch", [0, 1])
def test_each_model_of_a_stack_has_its_own_loss(epoch):
    logits, y = some_logits(3)
    alpha = np.median([by_hand(*one)[0] for one in zip(logits, y, strict=True)])
    losses, slopes = loss_and_slopes(RelaxedLoss(alpha), logits, y, epoch)
    for model in range(3):
        loss, own = loss_and_slopes(RelaxedLoss(alpha), logits[model], y[model], epoch)
        assert losses[model] == pytest.approx(loss)
        np.testing.assert_allclose(slopes[model], own, atol=1e-12)
