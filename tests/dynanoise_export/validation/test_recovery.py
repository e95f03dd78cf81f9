import numpy as np
import pytest
from scipy.linalg import helmert
from scipy.stats import entropy, kstest

from dynanoise_export.parameters import Parameters
from dynanoise_export.validation.recovery import helmert_contrasts, noise_scale, recover, recoverable
from support.noisy import PAPER, Model, logits, softmax


def exact_noise(z, noise, parameters):
    """Answer in float32 for given standard normals, and tell the noise's contrasts from them."""
    answers = np.stack([Model(draw=lambda rng, shape, e=e: e)(z, parameters, None) for e in noise])
    return answers, noise.astype(np.float64) @ helmert(z.shape[1]).T


@pytest.mark.parametrize("classes", [2, 3, 10, 257])
def test_contrasts_of_all_classes_are_scipys_helmert(classes):
    values = np.random.default_rng(0).normal(size=(3, 5, classes))
    contrasts, used = helmert_contrasts(values, np.ones((5, classes), bool))
    assert contrasts[..., 1:] == pytest.approx(values @ helmert(classes).T, abs=1e-12)
    assert used[:, 1:].all()
    assert not used[:, 0].any()


def test_contrasts_of_some_classes_are_scipys_helmert_of_those():
    rng = np.random.default_rng(1)
    values, usable = rng.normal(size=(2, 40, 9)), rng.random((40, 9)) < 0.5
    contrasts, used = helmert_contrasts(np.where(usable, values, np.inf), usable)
    for row in range(40):
        count = int(usable[row].sum())
        expected = values[:, row, usable[row]] @ helmert(count).T if count > 1 else np.zeros((2, 0))
        found = contrasts[:, row, used[row]]
        assert found == pytest.approx(expected, abs=1e-12)
    assert (contrasts[:, ~used] == 0).all()


@pytest.mark.parametrize("temperature", [0.5, 1, 10, 1000])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_noise_comes_back_within_the_stated_resolution(temperature, classes):
    rng = np.random.default_rng(2)
    parameters = Parameters(0.5, 2, temperature)
    z, noise = logits(rng, 20, classes, 3), rng.standard_normal((2, 20, classes), dtype=np.float32)
    answers, expected = exact_noise(z, noise, parameters)
    found = recover(z, answers, parameters)
    assert found.usable == 1
    assert found.wrong == 0
    assert np.abs(found.contrasts[..., 1:] - expected).max() < found.resolution < 0.01


def test_sensitivity_is_one_minus_scipys_entropy():
    rng = np.random.default_rng(3)
    z = logits(rng, 30, 7)
    found = recover(z, Model()(z, PAPER, rng)[None], PAPER)
    assert found.sensitivity == pytest.approx(1 - entropy(softmax(z.astype(np.float64)), axis=1, base=7), abs=1e-12)


def test_a_masked_class_is_left_out_and_the_others_come_back():
    rng = np.random.default_rng(4)
    z, noise = logits(rng, 20, 6), rng.standard_normal((1, 20, 6), dtype=np.float32)
    z[:, [1, 4]] = -np.inf
    z[0] = np.inf
    kept = [0, 2, 3, 5]
    found = recover(z, exact_noise(np.nan_to_num(z), noise, PAPER)[0], PAPER)
    assert found.wrong == 0
    assert not found.used[:, [0, 1, 4]].any()
    assert not found.used[0].any()
    contrasts = found.contrasts[0, 1:][:, kept[1:]]
    assert contrasts == pytest.approx(noise[0, 1:][:, kept] @ helmert(4).T, abs=1e-4)


def test_classes_take_part_by_the_logits_so_that_no_tail_is_cut_off():
    """With T = 0.3 many answers underflow; those that take part are normal to their tails all the same."""
    rng = np.random.default_rng(5)
    parameters = Parameters(0.5, 2, 0.3)
    z = logits(rng, 20_000, 5, 12)
    answers = np.stack([Model()(z, parameters, rng) for _ in range(2)])
    found = recover(z, answers, parameters)
    assert (answers == 0).mean() > 0.01
    assert 0.3 < found.usable < 0.95
    assert found.wrong == 0
    assert kstest(found.draws, "norm").pvalue > 1e-3
    assert found.draws.var() == pytest.approx(1, abs=5 * np.sqrt(2 / found.draws.size))


@pytest.mark.parametrize(
    ("z", "temperature", "expected"),
    [
        # log p̂ may fall to -(80 + 13 σ) / T - log 2, and float32 ends at -87.3: σ² is 0.3 · 3 for a sure answer.
        ([0, -70], 1, [True, True]),
        ([0, -80], 1, [True, False]),
        ([0, -800], 10, [True, True]),
        # The spacing of float32 at 1e5 is 0.008, more than 0.005 σ.
        ([1e5, 1e5], 10, [False, False]),
        ([1e3, 1e3], 10, [True, True]),
        # And at T = 1e5 a probability's last digit is worth 0.006.
        ([0, 1], 1e5, [False, False]),
        ([0, -np.inf], 10, [True, False]),
        ([0, np.nan], 10, [False, False]),
    ],
)
def test_what_float32_gives_back(z, temperature, expected):
    z, sigma = noise_scale(np.array([z]), PAPER)
    assert recoverable(z, sigma, temperature).tolist() == [expected]


@pytest.mark.parametrize("wrong", [0, -0.1, np.nan, np.inf, 1e-40])
def test_an_answer_that_noise_cannot_give_is_counted_and_its_query_left_out(wrong):
    rng = np.random.default_rng(6)
    z = logits(rng, 10, 4)
    answers = np.stack([Model()(z, PAPER, rng) for _ in range(3)])
    answers[1, 7, 2] = wrong
    found = recover(z, answers, PAPER)
    assert found.wrong == 1
    assert found.used.sum(axis=1).tolist() == [3] * 7 + [0] + [3] * 2
    assert (found.contrasts[:, 7] == 0).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="don't fit"):
        recover(np.zeros((4, 3)), np.zeros((4, 3)), PAPER)
