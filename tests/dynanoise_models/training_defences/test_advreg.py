import numpy as np
import pytest
import torch
from torch import nn

from dynanoise_models.training_defences.advreg import ATTACK_RATE, AdversarialLoss, AdvReg, make_attack
from support.training_defences import loss_and_slopes, softmax, some_logits, training_on_images, training_on_table


class OneNumber(nn.Module):
    """An attack whose log-odds are w times the probability of the label."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def forward(self, probabilities, y):
        return self.w * probabilities.gather(-1, y[:, None]).squeeze(-1)


class OtherRows:
    """Reference rows whose logits are given."""

    def __init__(self, logits, y):
        self.logits, self.y = torch.tensor(logits), torch.from_numpy(y)

    def draw(self, count):
        return np.arange(count)

    def answer(self, step, indices):
        return self.logits[indices], self.y[indices]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("start", [-3.0, 0.0, 3.0])
def test_a_step_raises_the_attacks_gain_and_then_counts_it_against_the_classifier(start):
    (logits, y), (other, other_y) = some_logits(), [part[0] for part in some_logits(1)]
    other = other[::-1].copy()
    p = softmax(logits)
    own, others = p[np.arange(5), y], softmax(other)[np.arange(5), other_y]
    attack = OneNumber(start)
    loss, slopes = loss_and_slopes(AdversarialLoss(3, 1, OtherRows(other, other_y), attack), logits, y)

    # The first step of Adam goes by its rate, uphill: the gain is the mean log-probability of the truth, halved.
    uphill = (((1 - sigmoid(start * own)) * own).mean() - (sigmoid(start * others) * others).mean()) / 2
    w = start + ATTACK_RATE * uphill / (abs(uphill) + 1e-8)
    assert attack.w.item() == pytest.approx(w, abs=1e-9)
    assert loss == pytest.approx(-np.log(own).mean() + 3 * np.log(sigmoid(w * own)).mean() / 2)
    # d own / d z is own · (1 at the label - p).
    towards = (np.eye(4)[y] - p) * own[:, None]
    by_hand = p - np.eye(4)[y] + 3 / 2 * ((1 - sigmoid(w * own)) * w)[:, None] * towards
    np.testing.assert_allclose(slopes, by_hand / 5, atol=1e-9)


def test_an_attack_takes_as_many_steps_as_are_asked_for():
    logits, y = some_logits()
    attack = OneNumber(0.0)
    loss_and_slopes(AdversarialLoss(1, 7, OtherRows(logits[::-1].copy(), y), attack), logits, y)
    assert abs(attack.w.item()) == pytest.approx(7 * ATTACK_RATE, rel=0.05)


def test_the_attack_has_the_papers_first_weights():
    attack = make_attack(30, 0)
    weights = torch.cat([value.flatten() for name, value in attack.named_parameters() if name.endswith("weight")])
    assert weights.std().item() == pytest.approx(0.01, rel=0.01)
    assert all((value == 0).all() for name, value in attack.named_parameters() if name.endswith("bias"))
    odds = attack(torch.rand(5, 30), torch.arange(5))
    assert odds.shape == (5,)


def test_without_a_weight_the_classifier_is_the_plain_one():
    plain = training_on_table().model()
    x = torch.from_numpy(training_on_table().task.rows.inputs["x"])[:80]
    y = torch.from_numpy(training_on_table().task.rows.y)[:80]
    optimizer = torch.optim.SGD(plain.parameters(), 0.5)
    nn.functional.cross_entropy(plain(x), y).backward()
    optimizer.step()
    fitted = AdvReg(lambda_=0).fit(training_on_table())
    torch.testing.assert_close(fitted.model.weight, plain.weight)


def test_reference_rows_are_augmented_as_the_members_are():
    assert AdvReg().fit(training_on_images(epochs=2)).epochs == 2
