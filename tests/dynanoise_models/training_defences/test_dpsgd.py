from dataclasses import replace

import numpy as np
import pytest
import torch
from opacus.accountants import RDPAccountant
from torch import nn

from dynanoise_export.errors import UsageError
from dynanoise_models.training import loop
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import Rows
from dynanoise_models.training_defences import private_loop
from dynanoise_models.training_defences.dpsgd import DpSgd, epsilon_of, noise_for
from dynanoise_models.training_defences.private_loop import PrivateLoop
from support.training import CPU
from support.training_defences import linear, training_on_images, training_on_table

pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook", "ignore:Optimal order")


def one_step(indices, noise_multiplier=0.0, max_grad_norm=1e6, make=linear):
    """Take one step at a rate of 1 on the rows of the table; give how the weights changed, as one vector."""
    training = training_on_table(batch=20, learning_rate=1.0)
    model = make(0)
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    steps = PrivateLoop(model, training.task, CPU, noise_multiplier, max_grad_norm)
    torch.manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        steps.step(np.array(indices, dtype=np.int64)[None], 0)
    return (nn.utils.parameters_to_vector(model.parameters()).detach() - before).numpy()


def gradients(rows):
    """Compute the gradient of each row's loss, [b, parameters]."""
    model, data = linear(0), training_on_table().task.rows
    found = []
    for row in rows:
        model.zero_grad()
        x, y = torch.from_numpy(data.inputs["x"][row]), torch.tensor(data.y[row])
        nn.functional.cross_entropy(model(x), y).backward()
        found.append(torch.cat([weights.grad.flatten() for weights in model.parameters()]).numpy())
    return np.array(found)


# The table has 80 training rows, and a step has 20 of them on average.
def test_without_noise_and_clipping_a_step_is_that_of_sgd_by_the_expected_number_of_rows():
    rows = [3, 8, 70]
    np.testing.assert_allclose(one_step(rows), -gradients(rows).sum(axis=0) / 20, atol=1e-6)


def test_longer_gradients_are_shortened_and_shorter_ones_are_not():
    rows = range(10)
    own = gradients(rows)
    norms = np.linalg.norm(own, axis=1)
    bound = float(np.median(norms))
    clipped = own * np.minimum(1, bound / norms)[:, None]
    np.testing.assert_allclose(one_step(rows, max_grad_norm=bound), -clipped.sum(axis=0) / 20, atol=1e-5)


def test_rows_that_are_not_in_memory_together_make_the_same_step(monkeypatch):
    rows = range(10)
    whole = one_step(rows, noise_multiplier=1.0, max_grad_norm=0.5)
    monkeypatch.setattr(private_loop, "ROWS_AT_ONCE", 3)
    np.testing.assert_allclose(one_step(rows, noise_multiplier=1.0, max_grad_norm=0.5), whole, atol=1e-6)


def wide(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 2000), nn.Linear(2000, 3))


def test_the_noise_is_as_large_as_it_should_be_also_without_rows():
    moved = one_step([], noise_multiplier=3.0, max_grad_norm=0.5, make=wide)
    assert moved.std() == pytest.approx(3 * 0.5 / 20, rel=0.02)


def test_each_row_is_drawn_on_its_own():
    training = training_on_table(batch=20)
    steps = PrivateLoop(linear(0), training.task, CPU, 1.0, 1.0)
    drawn = [batch for _ in range(250) for batch in steps.batches()]
    sizes = np.array([batch.shape[1] for batch in drawn])
    assert len(drawn) == 1000
    assert sizes.mean() == pytest.approx(20, abs=0.5)
    assert sizes.std() == pytest.approx(np.sqrt(80 * 0.25 * 0.75), rel=0.1)
    times = np.bincount(np.concatenate([batch[0] for batch in drawn]), minlength=80)
    assert abs(times - 250).max() < 5 * np.sqrt(1000 * 0.25 * 0.75)


def test_epsilon_is_that_of_the_accountant_for_the_steps_taken():
    fitted = DpSgd(epsilon=3, delta=1e-3, learning_rate=0.1).fit(training_on_table(epochs=5, batch=20))
    accountant = RDPAccountant()
    for _ in range(20):
        accountant.step(noise_multiplier=fitted.facts["noise_multiplier"], sample_rate=0.25)
    assert fitted.facts["epsilon"] == pytest.approx(accountant.get_epsilon(1e-3))
    assert 2.9 < fitted.facts["epsilon"] <= 3
    assert fitted.epochs == 5
    assert fitted.model.state_dict().keys() == linear(0).state_dict().keys()


def test_with_all_rows_in_one_step_epsilon_is_near_the_exact_one_of_gaussian_noise():
    # Balle and Wang 2018: for the Gaussian mechanism with deviation 2, δ(ε) has a closed form.
    from scipy.stats import norm

    epsilon = epsilon_of(2.0, 1e-5, 1.0, 1)
    exact = norm.cdf(1 / 4 - epsilon * 2) - np.exp(epsilon) * norm.cdf(-1 / 4 - epsilon * 2)
    assert exact < 1e-5  # an upper bound
    smaller = 0.8 * epsilon
    assert norm.cdf(1 / 4 - smaller * 2) - np.exp(smaller) * norm.cdf(-1 / 4 - smaller * 2) > 1e-5


def test_no_steps_cost_nothing_and_a_given_noise_decides():
    assert epsilon_of(1.0, 1e-5, 0.1, 0) == 0
    fitted = DpSgd(noise_multiplier=2).fit(training_on_table(epochs=1, batch=20))
    assert fitted.facts["noise_multiplier"] == 2
    assert fitted.facts["delta"] == pytest.approx(0.01)  # of 80 rows
    assert DpSgd().fit(training_on_table(epochs=0)).facts["epsilon"] == 0


def test_an_epsilon_that_no_noise_gives_is_refused():
    with pytest.raises(UsageError):
        noise_for(1e-4, 1e-9, 1.0, 10_000_000)


def test_a_network_that_mixes_rows_is_refused():
    with pytest.raises(UsageError):
        DpSgd().fit(training_on_images())


def test_tokens_are_refused():
    training = training_on_table()
    rows = Rows({"x": np.ones((100, 4), np.int64)}, training.task.rows.y)
    with pytest.raises(UsageError):
        DpSgd().fit(replace(training, task=replace(training.task, rows=rows)))


def small_images(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3))


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    defence = DpSgd(noise_multiplier=1)
    monkeypatch.setattr(loop, "SAVING", 1)
    whole = defence.fit(replace(training_on_images(), make=small_images))
    steps, state = [], State(tmp_path / "state", "this training")
    early = training_on_images(state, lambda: steps.append(0) or len(steps) == 14)
    assert defence.fit(replace(early, make=small_images)).epochs == 3.5
    again = defence.fit(replace(training_on_images(state), make=small_images))
    assert (again.epochs, again.facts) == (whole.epochs, whole.facts)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value), key
