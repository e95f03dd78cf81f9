import numpy as np
import pytest
from scipy.linalg import helmert
from scipy.stats import chi2, entropy, kstest, norm

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.validation.recovery import helmert_contrasts, noise_scale, recover, recoverable, unswapped
from support.noisy import PAPER, Model, logits, softmax

# The chance that a test of a random law fails on noise that follows it.
RATE = 1e-9


def exact_noise(z, noise, defence):
    """Answer in float32 with given standard normals, and compute the contrasts of the noise from them."""
    answers = np.stack([Model(draw=lambda rng, shape, e=e: e)(z, defence, None) for e in noise])
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
def test_noise_is_recovered_within_the_stated_resolution(temperature, classes):
    rng = np.random.default_rng(2)
    defence = DynaNoise(0.5, 2, temperature)
    z, noise = logits(rng, 20, classes, 3), rng.standard_normal((2, 20, classes), dtype=np.float32)
    answers, expected = exact_noise(z, noise, defence)
    found = recover(z, answers, defence.law)
    assert found.usable == 1
    assert found.wrong == 0
    assert np.abs(found.contrasts[..., 1:] - expected).max() < found.resolution < 0.01


def test_sensitivity_is_one_minus_scipys_entropy():
    rng = np.random.default_rng(3)
    z = logits(rng, 30, 7)
    found = recover(z, Model()(z, PAPER, rng)[None], PAPER.law)
    assert found.sensitivity == pytest.approx(1 - entropy(softmax(z.astype(np.float64)), axis=1, base=7), abs=1e-12)


def test_a_masked_class_is_left_out_and_the_others_are_recovered():
    rng = np.random.default_rng(4)
    z, noise = logits(rng, 20, 6), rng.standard_normal((1, 20, 6), dtype=np.float32)
    z[:, [1, 4]] = -np.inf
    z[0] = np.inf
    unmasked = [0, 2, 3, 5]
    found = recover(z, exact_noise(np.nan_to_num(z), noise, PAPER)[0], PAPER.law)
    assert found.wrong == 0
    assert not found.used[:, [0, 1, 4]].any()
    assert not found.used[0].any()
    contrasts = found.contrasts[0, 1:][:, unmasked[1:]]
    assert contrasts == pytest.approx(noise[0, 1:][:, unmasked] @ helmert(4).T, abs=1e-4)


def test_classes_take_part_by_the_logits_so_that_no_tail_is_cut_off():
    """With T = 0.3 many answers underflow; those that take part are normal to their tails all the same."""
    rng = np.random.default_rng(5)
    defence = DynaNoise(0.5, 2, 0.3)
    z = logits(rng, 20_000, 5, 12)
    answers = np.stack([Model()(z, defence, rng) for _ in range(2)])
    found = recover(z, answers, defence.law)
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
        # And at T = 1e5 a probability's last digit stands for 0.006 in a logit.
        ([0, 1], 1e5, [False, False]),
        ([0, -np.inf], 10, [True, False]),
        ([0, np.nan], 10, [False, False]),
    ],
)
def test_the_classes_that_float32_gives_back(z, temperature, expected):
    z, sigma = noise_scale(np.array([z]), PAPER.law)
    assert recoverable(z, sigma, temperature).tolist() == [expected]


@pytest.mark.parametrize("wrong", [0, -0.1, np.nan, np.inf, 1e-40])
def test_an_answer_that_noise_cannot_give_is_counted_and_its_query_left_out(wrong):
    rng = np.random.default_rng(6)
    z = logits(rng, 10, 4)
    answers = np.stack([Model()(z, PAPER, rng) for _ in range(3)])
    answers[1, 7, 2] = wrong
    found = recover(z, answers, PAPER.law)
    assert found.wrong == 1
    assert found.used.sum(axis=1).tolist() == [3] * 7 + [0] + [3] * 2
    assert (found.contrasts[:, 7] == 0).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\)"):
        recover(np.zeros((4, 3)), np.zeros((4, 3)), PAPER.law)


def with_kept_labels(noisy, label):
    """Swap the largest of each row [..., n, k] with that at the label [n]."""
    rows = noisy.reshape(-1, noisy.shape[-1]).copy()
    own, top, places = np.resize(label, len(rows)), rows.argmax(axis=1), np.arange(len(rows))
    rows[places, own], rows[places, top] = rows[places, top], rows[places, own]
    return rows.reshape(noisy.shape)


def unsettled(z, noise, usable=None):
    """Recover noise, in its own σ, from noisy logits with kept labels."""
    usable = np.ones(z.shape, bool) if usable is None else usable
    label = z.argmax(axis=1)
    return unswapped(with_kept_labels(z + noise, label), z, usable, label, np.random.default_rng(0)) - z


# From logits that are nothing beside the noise to logits that decide nearly every label.
@pytest.mark.parametrize("width", [0, 0.3, 1.5, 8])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_noise_under_kept_labels_is_recovered_as_normal_as_it_was(classes, width):
    rng = np.random.default_rng(classes)
    z = width * rng.standard_normal((20_000, classes))
    noise = unsettled(z, rng.standard_normal((2, *z.shape)))
    chances = 2 * classes
    for call in noise:
        for own, column in zip(z.T, call.T, strict=True):
            assert kstest(column, "norm").pvalue > RATE / chances
            tail = chi2.cdf((column**2).sum(), len(column))
            assert min(tail, 1 - tail) > RATE / chances / 2
            assert abs(column.mean()) < norm.isf(RATE / chances / 2) / np.sqrt(len(column))
            if width:
                farthest = norm.isf(RATE / chances / 2) / np.sqrt(len(column))
                assert abs(np.corrcoef(own, column)[0, 1]) < farthest
                assert abs(np.corrcoef(np.sort(z)[:, -1], column)[0, 1]) < farthest
    # Neither classes nor calls have anything in common.
    most = norm.isf(RATE / classes**2 / 2) / np.sqrt(len(z))
    assert np.abs(np.corrcoef(noise[0].T) - np.eye(classes)).max() < most
    assert np.abs(np.corrcoef(noise[0].T, noise[1].T)[:classes, classes:]).max() < most


def test_the_noise_of_the_label_and_of_its_rivals_is_recovered_too():
    # Classes sorted by rank: a wrong draw of the swap would show in the first.
    rng = np.random.default_rng(1)
    z = np.sort(rng.standard_normal((100_000, 5)))[:, ::-1].copy()
    (noise,) = unsettled(z, rng.standard_normal((1, *z.shape)))
    for column in noise.T:
        assert kstest(column, "norm").pvalue > RATE
        assert abs(np.corrcoef(z[:, 0] - z[:, 1], column)[0, 1]) < norm.isf(RATE / 2) / np.sqrt(len(z))
    most = norm.isf(RATE / 40) / np.sqrt(len(z))
    for values in (noise, np.abs(noise)):
        assert np.abs(np.corrcoef(values.T) - np.eye(5)).max() < most


@pytest.mark.parametrize(
    "wrong",
    [
        lambda noise, rng: 1.1 * noise,
        lambda noise, rng: 0.9 * noise,
        lambda noise, rng: rng.uniform(-np.sqrt(3), np.sqrt(3), noise.shape),
        lambda noise, rng: np.abs(noise) - np.sqrt(2 / np.pi),
        lambda noise, rng: np.repeat(noise[..., :1], noise.shape[-1], axis=-1) * 0.5 + noise * np.sqrt(0.75),
    ],
    ids=["scaled by 1.1", "scaled by 0.9", "uniform", "of one sign", "shared between classes"],
)
@pytest.mark.parametrize("width", [0.3, 3])
def test_wrong_noise_under_kept_labels_is_recovered_as_wrong(wrong, width):
    rng = np.random.default_rng(2)
    z = width * rng.standard_normal((40_000, 5))
    (noise,) = unsettled(z, wrong(rng.standard_normal((1, *z.shape)), rng))
    law = kstest(noise.ravel(), "norm").pvalue
    together = np.abs(np.corrcoef(noise.T) - np.eye(5)).max() * np.sqrt(len(z))
    assert law < RATE or together > norm.isf(RATE / 20)


def test_labels_that_noise_never_changed_are_recovered_as_wrong():
    rng = np.random.default_rng(3)
    z = rng.standard_normal((20_000, 5))
    noisy = z + rng.standard_normal(z.shape)
    settled = noisy.argmax(axis=1) == z.argmax(axis=1)
    z, noisy = z[settled], noisy[settled]
    label = z.argmax(axis=1)
    (noise,) = unswapped(noisy[None], z, np.ones(z.shape, bool), label, np.random.default_rng(0)) - z
    assert kstest(noise[np.arange(len(z)), label], "norm").pvalue < RATE


def test_unusable_classes_are_not_swapped():
    rng = np.random.default_rng(4)
    z = 0.1 * rng.standard_normal((2000, 4))
    label = z.argmax(axis=1)
    noisy = with_kept_labels(z + rng.standard_normal((1, *z.shape)), label)
    usable = rng.random(z.shape) < 0.6
    before = unswapped(noisy, z, usable, label, np.random.default_rng(0))
    rows = np.arange(2000)
    np.testing.assert_array_equal(before[0][~usable], noisy[0][~usable])
    np.testing.assert_array_equal(before[0][~usable[rows, label]], noisy[0][~usable[rows, label]])
    assert (before[0] != noisy[0]).any(axis=1).mean() > 0.2
    np.testing.assert_array_equal(np.sort(before), np.sort(noisy))


@pytest.mark.parametrize(("classes", "temperature", "sigma0"), [(2, 10, 0.5), (5, 1, 0.2), (10, 4, 3.0)])
def test_noise_is_recovered_from_answers_that_keep_their_label(classes, temperature, sigma0):
    rng = np.random.default_rng(5)
    defence = DynaNoise(sigma0, 2, temperature)
    z = logits(rng, 8000, classes)
    answers = np.stack([with_kept_labels(Model()(z, defence, rng), z.argmax(axis=1)) for _ in range(2)])
    found = recover(z, answers, defence.law, np.random.default_rng(0))
    assert found.wrong == 0
    assert kstest(found.draws, "norm").pvalue > RATE
    tail = chi2.cdf((found.draws**2).sum(), found.draws.size)
    assert min(tail, 1 - tail) > RATE / 2
    most = norm.isf(RATE / 4) / np.sqrt(found.draws.size / 2)
    for call in found.contrasts:
        known = found.logit_contrasts[found.used]
        assert abs((known / np.sqrt((known**2).mean())) @ call[found.used]) / known.size < most
    assert abs(np.corrcoef(*[call[found.used] for call in found.contrasts])[0, 1]) < most


def test_kept_labels_that_are_not_stated_are_recovered_as_wrong():
    rng = np.random.default_rng(7)
    defence = DynaNoise(3.0, 2, 4)
    z = logits(rng, 8000, 10)
    answers = with_kept_labels(Model()(z, defence, rng), z.argmax(axis=1))[None]
    assert kstest(recover(z, answers, defence.law).draws, "norm").pvalue < RATE


def test_two_recoveries_under_kept_labels_have_nothing_in_common():
    """An audit recovers the noise of another session on its own, and compares it with the first."""
    rng = np.random.default_rng(6)
    z, unswapping = logits(rng, 8000, 5, 3), np.random.default_rng(0)
    first, second = (
        recover(z, with_kept_labels(Model()(z, PAPER, rng), z.argmax(axis=1))[None], PAPER.law, unswapping).draws
        for _ in range(2)
    )
    assert abs(np.corrcoef(first, second)[0, 1]) < norm.isf(RATE / 2) / np.sqrt(first.size)
