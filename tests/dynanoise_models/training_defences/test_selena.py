from dataclasses import replace

import numpy as np
import pytest
import torch

from dynanoise_models.training import loop
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import predict
from dynanoise_models.training.stack import Stack
from dynanoise_models.training_defences import split_ai
from dynanoise_models.training_defences.selena import Selena, SoftLabelLoss
from dynanoise_models.training_defences.split_ai import SplitAI, draw_left_out
from support.training import CPU
from support.training_defences import loss_and_slopes, softmax, some_logits, training_on_images, training_on_table

SMALL = Selena(submodels=5, left_out=2)


@pytest.fixture
def trained(monkeypatch):
    """Keep the sub-models and their tasks, in the order of their training."""
    kept = []

    def fit(model, task, *args, **options):
        epochs = loop.fit(model, task, *args, **options)
        kept.append((model, task))
        return epochs

    monkeypatch.setattr(split_ai, "fit", fit)
    return kept


def test_each_row_is_left_out_of_as_many_submodels_as_are_asked_for():
    outside = draw_left_out(1000, 25, 10, seed=3)
    assert outside.shape == (25, 1000)
    assert (outside.sum(axis=0) == 10).all()
    assert np.ptp(outside.mean(axis=1)) < 0.15  # each sub-model misses about 40% of the rows
    assert len(np.unique(outside, axis=1).T) > 950


@pytest.mark.parametrize("stacked", [True, False])
def test_a_soft_label_is_the_mean_answer_of_the_submodels_that_were_not_trained_on_the_row(
    stacked, trained, monkeypatch
):
    if not stacked:
        monkeypatch.setattr(split_ai, "FEW_WEIGHTS", 0)
    training = training_on_table(epochs=5, batch=10)
    soft = SplitAI(training, 5, 2).soft_labels()

    assert isinstance(trained[0][0], Stack) is stacked
    assert len(trained) == (1 if stacked else 5)
    outside = np.concatenate([[~np.isin(np.arange(80), own) for own in task.indices] for _, task in trained])
    answers = np.concatenate(
        [predict(model, training.task.rows, CPU, np.arange(80)).reshape(-1, 80, 3) for model, _ in trained]
    )
    assert (outside.sum(axis=0) == 2).all()
    for row in range(80):
        by_hand = softmax(answers[outside[:, row], row].astype(np.float64)).mean(axis=0)
        np.testing.assert_allclose(soft[row], by_hand, atol=1e-6)


def test_a_row_with_a_wrong_label_has_a_soft_label_that_does_not_know_it():
    training = training_on_table(epochs=30, batch=10)
    x = training.task.rows.inputs["x"]
    y = x[:, :3].argmax(axis=1)
    y[0] = (y[0] + 1) % 3
    task = replace(training.task, rows=replace(training.task.rows, y=y))
    soft = SplitAI(replace(training, task=task), 10, 4).soft_labels()
    assert soft[0].argmax() == x[0, :3].argmax()


def test_the_loss_is_the_cross_entropy_to_the_rows_own_soft_label():
    logits, y = some_logits()
    soft = softmax(np.random.default_rng(5).standard_normal((5, 4))).astype(np.float32)
    indices = np.array([3, 1, 4, 2, 0])
    wanted = soft[np.argsort(indices)]  # the rows of the batch are 0 to 4
    value, slopes = loss_and_slopes(SoftLabelLoss(indices, soft, 10), logits, y)
    assert value == pytest.approx(-(wanted * np.log(softmax(logits))).sum(axis=1).mean(), abs=1e-6)
    np.testing.assert_allclose(slopes, (softmax(logits) - wanted) / 5, atol=1e-7)


@pytest.mark.parametrize("stop_at", [10, 95])
def test_an_interrupted_training_goes_on_bit_for_bit(stop_at, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVING", 1)
    steps, reports = [], []
    whole = SMALL.fit(replace(training_on_images(), progress=reports.append))
    shares = [step.done / step.total for step in reports]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == 84 + 24  # steps of sub-models, and of the model

    state = State(tmp_path / "model.training", "this training")
    early = SMALL.fit(training_on_images(state, lambda: steps.append(0) or len(steps) == stop_at))
    assert early.epochs < 6
    again = SMALL.fit(training_on_images(state, lambda: steps.append(0) or False))
    assert again.epochs == 6
    assert len(steps) < len(shares) + 10
    for key, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value), key
    state.delete()
    assert list(tmp_path.iterdir()) == []
