import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.reading import LABEL_DRAWS, attackable, evidence_for, independent
from dynanoise_export.attacks.responses import Answers
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.parameters import Parameters
from dynanoise_export.sources.inputs import TensorSpec
from support.audits import make_audit

HEAD = DynaNoise(Parameters(0.5, 2.0, 8.0))
NAIVE, ADAPTIVE = Attacker("naive", True, False, 1), Attacker("adaptive", True, True, 16)
PLAIN = Attacker("without", False, False, 1)
ROWS = 4000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit."""
    return make_audit(tmp_path_factory.mktemp("reading") / "made", rows=ROWS, shadows=4)


@pytest.fixture(scope="module")
def common(made):
    """Give what all attackers have in common."""
    audit = open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])
    return attackable(audit, np.zeros((ROWS, 2), np.float32), HEAD, open_store(made.store, audit))


def answers(made, noise, count=16, spread=1.0):
    """Give the mean of answers whose mean noise is known."""
    log_p = log_softmax((made.logits + noise) / 8, axis=1).astype(np.float32)
    return Answers(log_p, np.full(ROWS, spread, np.float32), np.zeros(ROWS, np.int32), count)


def shadow_noise(evidence, made):
    """Recover the noise in what the attacker's first shadow model says, up to a constant a row."""
    noise = evidence.shadows.log_p(0) - np.load(made.store / "logits.npy")[0]
    return noise - noise.mean(axis=1, keepdims=True)


def deviation(made, answers):
    """Tell the standard deviation of recovered noise, by Algorithm 1, root mean square over rows."""
    log_p = log_softmax(np.load(made.store / "logits.npy")[0].astype(np.float64), axis=1)
    sensitivity = 1 + (np.exp(log_p) * log_p).sum(axis=1) / np.log(5)
    return np.sqrt((0.25 * (1 + 2 * sensitivity)).mean() / answers * (1 - 1 / 5))


def test_who_knows_the_defence_divides_the_temperature_out(made, common):
    noise = np.random.default_rng(0).normal(0, 0.3, made.logits.shape)
    evidence = evidence_for(ADAPTIVE, answers(made, noise), common)
    np.testing.assert_allclose(evidence.log_p, log_softmax(made.logits + noise, axis=1), atol=1e-4)


def test_the_naive_attacker_takes_answers_and_shadow_models_as_they_are(made, common):
    evidence = evidence_for(NAIVE, answers(made, 0), common)
    np.testing.assert_allclose(evidence.log_p, log_softmax(made.logits / 8, axis=1), atol=1e-5)
    assert np.abs(shadow_noise(evidence, made)).max() < 1e-4


@pytest.mark.parametrize("count", [1, 16])
def test_the_shadow_models_pass_through_the_defence_with_the_noise_of_so_many_answers(made, common, count):
    evidence = evidence_for(ADAPTIVE, answers(made, 0, count), common)
    assert shadow_noise(evidence, made).std() == pytest.approx(deviation(made, count), rel=0.02)
    np.testing.assert_array_equal(evidence.shadows.log_p(0), evidence.shadows.log_p(0))
    other = evidence.shadows.log_p(1) - np.load(made.store / "logits.npy")[1]
    correlation = np.corrcoef(shadow_noise(evidence, made).ravel(), (other - other.mean(axis=1, keepdims=True)).ravel())
    assert abs(correlation[0, 1]) < 0.03


def test_noise_that_repeats_with_the_query_is_not_averaged(made, common):
    evidence = evidence_for(ADAPTIVE, answers(made, 0, 16, spread=0.0), common)
    assert shadow_noise(evidence, made).std() == pytest.approx(deviation(made, 1), rel=0.02)


def test_labels_of_shadow_models_flip_as_often_as_the_defence_makes_them(made, common):
    labels = evidence_for(NAIVE, answers(made, 0), common).shadows.labels
    assert labels.of == LABEL_DRAWS
    plain = evidence_for(PLAIN, answers(made, 0), common).shadows.labels
    assert plain.of == 1
    logits = np.load(made.store / "logits.npy")
    np.testing.assert_array_equal(plain.right, logits.argmax(axis=2) == made.y)
    log_p = log_softmax(logits[0].astype(np.float64), axis=1)
    scale = 0.5 * np.sqrt(1 + 2 * (1 + (np.exp(log_p) * log_p).sum(axis=1) / np.log(5)))
    noise = np.random.default_rng(1).standard_normal((16, *logits[0].shape))
    right = ((logits[0] + scale[:, None] * noise).argmax(axis=2) == made.y).mean()
    assert labels.right[0].mean() / LABEL_DRAWS == pytest.approx(right, abs=0.01)


def asked_for(shares, count, rows=20_000, classes=10, head=HEAD):
    """Ask for answers of whose noise's variance these shares are common, and keep of them what a client does."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (rows, classes))
    log_p = log_softmax(logits, axis=1)
    sensitivity = 1 + (np.exp(log_p) * log_p).sum(axis=1, keepdims=True) / np.log(classes)
    scale = head.parameters.sigma0 * np.sqrt(1 + head.parameters.lambda_ * sensitivity)
    common, own = rng.standard_normal((rows, classes)), rng.standard_normal((count, rows, classes))
    for share in shares:
        noisy = logits + scale * (np.sqrt(share) * common + np.sqrt(1 - share) * own)
        if head.keep_label:
            noisy = np.stack([with_label(call, logits.argmax(axis=1)) for call in noisy])
        answers = log_softmax(noisy / head.parameters.temperature, axis=2)
        centred = answers - answers.mean(axis=2, keepdims=True)
        spread = centred.var(axis=0, ddof=1).mean(axis=1) if count > 1 else np.zeros(rows)
        mean = answers.mean(axis=0).astype(np.float32)
        given = Answers(mean, spread.astype(np.float32), np.zeros(rows, np.int32), count)
        yield share, given, torch.from_numpy(logits.astype(np.float32))


def with_label(noisy, label):
    """Swap the largest of each row with that at the label."""
    kept, rows, top = noisy.copy(), np.arange(len(noisy)), noisy.argmax(axis=1)
    kept[rows, label], kept[rows, top] = noisy[rows, top], noisy[rows, label]
    return kept


def bounds(count, share, rows, classes):
    """Give between what the independent answers lie, once in a billion not.

    A mean of the squares of so many normals strays by √(2 / (rows · (classes − 1))), and so does the share.
    """
    stray = 6.2 * np.sqrt(2 / (rows * (classes - 1)))
    shares = (min(share + stray, 1), max(share - stray, 0))
    return [1 / (1 / count + (1 - 1 / count) * share) for share in shares]


@pytest.mark.parametrize("count", [2, 4, 16])
def test_answers_count_as_many_as_have_noise_of_their_own(count):
    for share, given, logits in asked_for([0.2, 0.5, 0.9, 1.0], count):
        least, most = bounds(count, share, 20_000, 10)
        assert least <= independent(given, HEAD, logits) <= most


@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.03])
def test_answers_with_next_to_no_noise_in_common_count_as_all(share, keep_label):
    head = DynaNoise(HEAD.parameters, keep_label)
    ((_, given, logits),) = asked_for([share], 64, rows=4000, head=head)
    assert independent(given, head, logits) == 64


def test_how_much_fresh_answers_differ_is_told_by_a_model_of_the_like():
    ((_, given, logits),) = asked_for([0.5], 16, head=HEAD)
    another = torch.from_numpy(np.random.default_rng(1).normal(0, 2, logits.shape).astype(np.float32))
    assert independent(given, HEAD, another) == pytest.approx(1 / (1 / 16 + 15 / 16 * 0.5), rel=0.05)


def test_the_very_same_answers_count_as_one(made):
    assert independent(answers(made, 0, 16, spread=0.0), HEAD, torch.from_numpy(made.logits)) == 1


@pytest.mark.parametrize("keep_label", [False, True])
def test_one_answer_counts_as_one(keep_label):
    head = DynaNoise(HEAD.parameters, keep_label)
    for _, given, logits in asked_for([0.0], 1, head=head):
        assert independent(given, head, logits) == 1


def test_answers_never_count_for_more_than_they_are(made):
    assert independent(answers(made, 0, 16, spread=100.0), HEAD, torch.from_numpy(made.logits)) == 16


def test_answers_that_are_certain_in_float32_count_too():
    head = DynaNoise(Parameters(1e4, 2.0, 1.0), keep_label=True)
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (200, 10)).astype(np.float32))
    log_p = torch.log_softmax(logits, dim=1).numpy()
    given = Answers(log_p, np.full(200, 500, np.float32), np.zeros(200, np.int32), 16)
    assert 1 <= independent(given, head, logits) <= 16
