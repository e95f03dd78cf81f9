from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dynanoise_export.errors import DataError, FormatError
from dynanoise_models.training import loop
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import Rows, predict
from dynanoise_models.training.settings import Augmentation, Optimizer, Schedule, Settings
from dynanoise_models.training.step_loss import CrossEntropy
from support.training import CPU, images, table

PLAIN = Settings(epochs=1, batch=100, optimizer=Optimizer.SGD, learning_rate=0.5)
# Everything that has a state: momentum, a schedule, dropout and augmentation.
FULL = Settings(
    epochs=6, batch=8, optimizer=Optimizer.SGD, learning_rate=0.05, momentum=0.9, schedule=Schedule.ONE_CYCLE,
    augmentation=Augmentation.FLIP_AND_CROP,
)  # fmt: skip


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)
    )


def task(rows, settings, state=None):
    return Task(rows, np.arange(len(rows))[None], [7], settings, state)


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_a_step_is_that_of_softmax_regression_by_hand(smoothing):
    rows = table()
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    weights, bias = (value.detach().double().numpy().copy() for value in (model.weight, model.bias))
    fit(model, task(rows, PLAIN), CPU, loss=CrossEntropy(smoothing))

    x = rows.inputs["x"].astype(np.float64)
    z = x @ weights.T + bias
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    wanted = np.eye(3)[rows.y] * (1 - smoothing) + smoothing / 3
    slope = (p - wanted) / len(x)
    np.testing.assert_allclose(model.weight.detach(), weights - 0.5 * slope.T @ x, atol=1e-6)
    np.testing.assert_allclose(model.bias.detach(), bias - 0.5 * slope.sum(axis=0), atol=1e-6)


def test_only_the_rows_at_the_indices_are_trained_on():
    rows = table()
    indices = np.arange(50)
    changed = Rows({"x": np.where(np.arange(100)[:, None] < 50, rows.inputs["x"], np.nan)}, rows.y)
    models = [nn.Linear(4, 3) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    for model, data in zip(models, (rows, changed), strict=True):
        fit(model, Task(data, indices[None], [0], replace(PLAIN, batch=10)), CPU)
    torch.testing.assert_close(models[0].weight, models[1].weight, rtol=0, atol=0)


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVING", 1)
    rows, whole, interrupted = images(), network(), network()
    fit(whole, task(rows, FULL), CPU)

    steps = []
    state = State(tmp_path / "state", "this training")
    done = fit(interrupted, task(rows, FULL, state), CPU, stopped=lambda: steps.append(0) or len(steps) == 18)
    assert done == pytest.approx(3 + 3 / 5)
    again = network()
    assert fit(again, task(rows, FULL, state), CPU, stopped=lambda: steps.append(0) or False) == 6
    assert len(steps) == 18 + 15  # only the fourth epoch is done again, from its beginning
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_the_state_of_another_training_is_ignored(tmp_path):
    rows, first, second = images(), network(), network()
    fit(first, task(rows, FULL, State(tmp_path / "state", "one")), CPU)
    epochs = []
    fit(second, task(rows, FULL, State(tmp_path / "state", "another")), CPU, progress=epochs.append)
    assert epochs[0].done == pytest.approx(1 / 5)


def test_a_damaged_state_is_refused(tmp_path):
    (tmp_path / "state").write_bytes(b"PK")
    with pytest.raises(FormatError, match="state"):
        fit(network(), task(images(), FULL, State(tmp_path / "state", "one")), CPU)


def test_progress_reports_epochs_loss_and_accuracy():
    rows, steps = table(), []
    fit(nn.Linear(4, 3), task(rows, replace(PLAIN, epochs=2, batch=30)), CPU, progress=steps.append)
    assert [step.done for step in steps] == pytest.approx([0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2])
    assert all(step.total == 2 and step.loss > 0 and 0 <= step.accuracy <= 1 for step in steps)


@pytest.mark.parametrize("steps", range(1, 7))
def test_a_cycle_of_few_steps_has_a_rate_for_each(steps):
    few = replace(PLAIN, batch=100 // steps, schedule=Schedule.ONE_CYCLE)
    rows = table(100 // steps * steps)
    assert fit(nn.Linear(4, 3), task(rows, few), CPU) == 1


def test_a_loss_that_is_not_finite_ends_the_training():
    rows = table()
    with pytest.raises(DataError, match=r"(nan|inf)"):
        fit(nn.Linear(4, 3), task(rows, replace(PLAIN, epochs=50, batch=10, learning_rate=1e38)), CPU)


def test_the_random_numbers_of_the_caller_are_left_alone():
    model = nn.Linear(4, 3)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(model, task(table(), PLAIN), CPU)
    assert torch.equal(torch.rand(3), expected)


def test_predictions_are_in_evaluation_mode_in_order_and_the_same_for_any_batch():
    rows, model = images(), network()
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(rows.inputs["x"])).numpy()
    model.train()
    np.testing.assert_allclose(predict(model, rows, CPU, batch=7), expected, atol=1e-6)
    indices = np.array([5, 3])
    np.testing.assert_allclose(predict(model, rows, CPU, indices), expected[indices], atol=1e-6)
