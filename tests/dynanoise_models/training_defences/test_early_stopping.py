import numpy as np
import pytest
import torch

from dynanoise_export.errors import UsageError
from dynanoise_models.training.settings import Schedule
from dynanoise_models.training_defences.early_stopping import EarlyStopping, WatchedLoss
from support.training_defences import training_on_images, training_on_table


def constant(model, logit):
    """Make a linear model that answers every row with the logits (logit, 0, 0)."""
    with torch.no_grad():
        model.weight.zero_()
        model.bias.copy_(torch.tensor([logit, 0.0, 0.0]))


def losses_of(logits):
    """Compute the loss on the 20 reference rows of the table by hand."""
    training = training_on_table()
    share = (training.task.rows.y[training.reference[0]] == 0).mean()
    return [np.log(np.exp(logit) + 2) - logit * share for logit in logits]


@pytest.mark.parametrize(("patience", "ends"), [(1, 2), (2, 5), (10, 7)])
def test_it_ends_when_the_loss_no_longer_falls_and_gives_back_the_best_weights(patience, ends):
    logits = [2.0, 1.0, 1.5, 0.5, 0.7, 0.9, 0.8, 0.4]
    by_hand = losses_of(logits)
    assert by_hand[1] < by_hand[0]
    assert by_hand[2] > by_hand[1] > by_hand[3]
    assert min(by_hand[4:7]) > by_hand[3]
    training = training_on_table(epochs=8)
    loss, model = WatchedLoss(patience, training, training.reference[0]), training.model()
    for epoch, logit in enumerate(logits):
        constant(model, logit)
        if loss.after_epoch(model, epoch):
            break
    assert epoch == ends
    best = int(np.argmin(by_hand[: ends + 1]))
    assert model.bias[0].item() == pytest.approx(logits[best])
    assert (loss.best.epoch, loss.best.loss) == (best, pytest.approx(by_hand[best]))


def test_the_training_is_complete_and_names_its_best_epoch():
    fitted = EarlyStopping(patience=2, learning_rate=0.05).fit(training_on_images(epochs=30))
    assert fitted.epochs == 30
    assert 1 <= fitted.facts["best epoch"] < 28


def test_a_one_cycle_schedule_is_refused_unless_there_is_a_rate_which_is_constant():
    with pytest.raises(UsageError, match="one-cycle"):
        EarlyStopping().fit(training_on_images())
    own = training_on_images(schedule=Schedule.CONSTANT, learning_rate=0.01)
    for expected, fitted in zip(
        EarlyStopping().fit(own).model.parameters(),
        EarlyStopping(learning_rate=0.01).fit(training_on_images()).model.parameters(),
        strict=True,
    ):
        assert torch.equal(expected, fitted)
