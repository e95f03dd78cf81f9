from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import entr, expit
from torch import nn

from dynanoise_export.errors import UsageError
from dynanoise_models.training import loop
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import Rows
from dynanoise_models.training_defences.least_noise import (
    NoiseBounds,
    entropies,
    least_noise,
    noise_bounds,
    norms,
    shapley_values,
)
from dynanoise_models.training_defences.optimal_noise import BlendedLoss, OptimalNoise
from support.training_defences import loss_and_slopes, softmax, some_logits, training_on_images, training_on_table

SLOPE = torch.tensor([3.0, -4.0, 0.0])  # of norm 5


def two_classes(x):
    """Give logits whose difference is linear in x."""
    return torch.stack([x @ SLOPE, torch.zeros(len(x))], dim=1)


def network(seed=0, scale=4.0):
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 4))
    with torch.no_grad():
        made[-1].weight.mul_(scale)
    return made


def test_shapley_values_of_a_linear_probability_are_weight_times_distance_from_the_baseline():
    # The probabilities themselves are linear: their logarithms are the logits.
    weights = torch.tensor([0.1, -0.05, 0.02])

    def linear(x):
        own = 0.6 + x @ weights
        return torch.stack([own, 1 - own], dim=1).log()

    x, baseline = torch.tensor([[0.5, -0.5, 1.0], [-0.2, 0.3, 0.0]]), torch.tensor([[0.1, 0.1, 0.1]])
    torch.testing.assert_close(shapley_values(linear, x, baseline), weights * (x - baseline), atol=1e-5, rtol=0)


def test_shapley_values_add_up_to_the_change_of_the_probability():
    made, x = network(), torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    baseline = x.mean(dim=0, keepdim=True)
    labels = made(x).argmax(dim=1)
    change = made(x).softmax(dim=1).gather(1, labels[:, None])[:, 0] - made(baseline).softmax(dim=1)[0, labels]
    torch.testing.assert_close(shapley_values(made, x, baseline).sum(dim=1), change, atol=0.05, rtol=0)


def test_the_bounds_are_the_papers():
    x = torch.tensor([[1.0, 0.5, 2.0]])  # the logits differ by 1
    values = torch.tensor([[0.2, -0.7, 0.05]])
    bounds = noise_bounds(two_classes, x, values, epsilon=0.4, beta=0.5)
    torch.testing.assert_close(bounds.box, torch.tensor([[0.2, 0.4, 0.35]]))
    # The gap is 2p - 1, and its gradient 2p(1 - p) times the slope.
    p = expit(1)
    assert bounds.radius.item() == pytest.approx((2 * p - 1) / (2 * p * (1 - p) * 5), rel=1e-5)


def test_entropies_are_scipys():
    logits = np.random.default_rng(0).standard_normal((50, 5)) * 10
    np.testing.assert_allclose(
        entropies(torch.from_numpy(logits)), entr(softmax(logits)).sum(axis=1), rtol=1e-9, atol=1e-14
    )


def wide_bounds(x):
    return NoiseBounds(torch.full_like(x, 100.0), torch.full((len(x),), 100.0))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_the_least_noise_on_a_linear_model_is_the_shortest_way_to_the_entropy(share):
    wanted = share * np.log(2)
    x = torch.tensor([[1.0, -1.0, 0.0], [-4.0, 1.0, 5.0], [0.01, 0.0, 2.0]])  # gaps of 7, 16 and nearly 0
    noise = least_noise(two_classes, x, wide_bounds(x), wanted)
    gap = brentq(lambda z: entr(expit(z)) + entr(expit(-z)) - wanted, 1e-9, 100)
    gaps = (x @ SLOPE).numpy()
    by_hand = np.outer(-np.sign(gaps) * np.maximum(np.abs(gaps) - gap, 0) / 25, SLOPE.numpy())
    np.testing.assert_allclose(noise, by_hand, atol=2e-3)
    assert (noise[2] == 0).all()  # it needs none


def test_an_answer_that_is_all_but_certain_is_moved_too():
    x = torch.tensor([[60.0, -60.0, 0.0]])  # the other class has a probability of exp(-420)
    noise = least_noise(two_classes, x, NoiseBounds(torch.full_like(x, 200.0), torch.tensor([300.0])), 0.5)
    assert entropies(two_classes(x + noise)).item() >= 0.5


@pytest.mark.parametrize("tau", [0.1, 0.9])
def test_the_bounds_hold_for_every_row_and_the_entropy_where_they_allow_it(tau):
    made, x = network(), 2 * torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    bounds = noise_bounds(made, x, shapley_values(made, x, x.mean(dim=0, keepdim=True)), 0.8, 1.0)
    wanted = tau * np.log(4)
    noise = least_noise(made, x, bounds, wanted)
    assert (noise.abs() <= bounds.box + 1e-6).all()
    assert (norms(noise) <= bounds.radius * (1 + 1e-5)).all()
    before, after = entropies(made(x)), entropies(made(x + noise))
    assert (after >= torch.minimum(before, torch.tensor(wanted)) - 1e-6).all()
    reached = after >= wanted - 1e-6
    assert reached.float().mean() > 0.9 if tau == 0.1 else reached.any() and not reached.all()
    # What is reached is hardly passed: the noise is not longer than it must be.
    needed = reached & (before < wanted)
    assert (after[needed] - wanted).max() < 0.01


def test_the_loss_blends_the_divergence_with_the_cross_entropy():
    logits, y = some_logits()
    first = np.random.default_rng(5).standard_normal((5, 4))
    p, q = softmax(logits), softmax(first)
    divergence = (p * np.log(p / q)).sum(axis=1).mean()
    value, _ = loss_and_slopes(BlendedLoss(torch.tensor(first), 0.3), logits, y)
    assert value == pytest.approx(0.3 * divergence - 0.7 * np.log(p[np.arange(5), y]).mean())


def test_the_model_learns_noisy_rows_only():
    training = training_on_table(epochs=20, batch=10)
    seen = []
    fitted = OptimalNoise(tau=0.9).fit(replace(training, progress=seen.append))
    assert fitted.epochs == 20
    assert 0 < fitted.facts["mean_noise"] < 1
    assert 0 < fitted.facts["rows_with_entropy"] <= 1
    shares = [step.done / step.total for step in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("inputs", [{"x": "int64"}, {"x": "float32", "mask": "float32"}])
def test_inputs_that_take_no_noise_are_refused(inputs):
    training = training_on_table()
    rows = Rows({name: np.ones((100, 4), kind) for name, kind in inputs.items()}, training.task.rows.y)
    with pytest.raises(UsageError):
        OptimalNoise().fit(replace(training, task=replace(training.task, rows=rows)))


@pytest.mark.parametrize("stop_at", [14, 27, 35])
def test_an_interrupted_training_goes_on_bit_for_bit(stop_at, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVING", 1)
    whole = OptimalNoise().fit(training_on_images())
    steps, state = [], State(tmp_path / "model.training", "this training")
    assert OptimalNoise().fit(training_on_images(state, lambda: steps.append(0) or len(steps) == stop_at)).epochs < 6
    again = OptimalNoise().fit(training_on_images(state))
    assert (again.epochs, again.facts) == (whole.epochs, whole.facts)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value), key
    state.delete()
    assert list(tmp_path.iterdir()) == []
