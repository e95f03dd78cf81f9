"""How many independent answers count, for noise with a known share in common."""

import numpy as np
import pytest
from scipy.special import log_softmax

from dynanoise_export.attacks.independent_answers import independent_answers
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label

SIGMA0, LAMBDA, TEMPERATURE = 0.5, 2.0, 8.0
DEFENCE = DynaNoise(SIGMA0, LAMBDA, TEMPERATURE)
LOGITS = np.random.default_rng(0).normal(0, 2, (1000, 5)).astype(np.float32)


def with_spread(spread):
    """Give sixteen answers to each row with this variance between them."""
    log_p = log_softmax(LOGITS / TEMPERATURE, axis=1)
    return Responses(log_p, np.full(len(log_p), spread, np.float32), np.zeros(len(log_p), np.int32), 16)


def with_common_noise(shares, count, rows=20_000, classes=10, defence=DEFENCE):
    """Draw answers whose noise has these shares of its variance in common, and keep what a client keeps of them."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (rows, classes))
    log_p = log_softmax(logits, axis=1)
    sensitivity = 1 + (np.exp(log_p) * log_p).sum(axis=1, keepdims=True) / np.log(classes)
    scale = SIGMA0 * np.sqrt(1 + LAMBDA * sensitivity)
    common, own = rng.standard_normal((rows, classes)), rng.standard_normal((count, rows, classes))
    for share in shares:
        noisy = logits + scale * (np.sqrt(share) * common + np.sqrt(1 - share) * own)
        if defence.keep_label:
            noisy = np.stack([with_label(call, logits.argmax(axis=1)) for call in noisy])
        answers = log_softmax(noisy / TEMPERATURE, axis=2)
        centred = answers - answers.mean(axis=2, keepdims=True)
        spread = centred.var(axis=0, ddof=1).mean(axis=1) if count > 1 else np.zeros(rows)
        mean = answers.mean(axis=0).astype(np.float32)
        given = Responses(mean, spread.astype(np.float32), np.zeros(rows, np.int32), count)
        yield share, given, logits.astype(np.float32)


def with_label(noisy, label):
    """Swap the largest of each row with the one at the label."""
    swapped, rows, top = noisy.copy(), np.arange(len(noisy)), noisy.argmax(axis=1)
    swapped[rows, label], swapped[rows, top] = noisy[rows, top], noisy[rows, label]
    return swapped


def bounds(count, share, rows, classes):
    """Give bounds on the independent answers, which fail once in a billion.

    A mean of the squares of this many normals has a deviation of √(2 / (rows · (classes − 1))), and so has the share.
    """
    deviation = 6.2 * np.sqrt(2 / (rows * (classes - 1)))
    shares = (min(share + deviation, 1), max(share - deviation, 0))
    return [1 / (1 / count + (1 - 1 / count) * share) for share in shares]


@pytest.mark.parametrize("count", [2, 4, 16])
def test_answers_count_as_many_as_have_independent_noise(count):
    for share, given, logits in with_common_noise([0.2, 0.5, 0.9, 1.0], count):
        least, most = bounds(count, share, 20_000, 10)
        assert least <= independent_answers(given, DEFENCE, logits) <= most


@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.03])
def test_answers_with_hardly_any_noise_in_common_all_count(share, keep_label):
    defence = keeping_label(DEFENCE, keep_label)
    ((_, given, logits),) = with_common_noise([share], 64, rows=4000, defence=defence)
    assert independent_answers(given, defence, logits) == 64


def test_a_similar_model_shows_how_much_fresh_answers_differ():
    ((_, given, logits),) = with_common_noise([0.5], 16, defence=DEFENCE)
    another = np.random.default_rng(1).normal(0, 2, logits.shape).astype(np.float32)
    assert independent_answers(given, DEFENCE, another) == pytest.approx(1 / (1 / 16 + 15 / 16 * 0.5), rel=0.05)


def test_identical_answers_count_as_one():
    assert independent_answers(with_spread(0.0), DEFENCE, LOGITS) == 1


@pytest.mark.parametrize("keep_label", [False, True])
def test_one_answer_counts_as_one(keep_label):
    defence = keeping_label(DEFENCE, keep_label)
    for _, given, logits in with_common_noise([0.0], 1, defence=defence):
        assert independent_answers(given, defence, logits) == 1


def test_answers_never_count_as_more_than_they_are():
    assert independent_answers(with_spread(100.0), DEFENCE, LOGITS) == 16


def test_answers_that_are_certain_in_float32_count_too():
    defence = keeping_label(DynaNoise(1e4, 2.0, 1.0), True)
    logits = np.random.default_rng(0).normal(0, 2, (200, 10)).astype(np.float32)
    log_p = log_softmax(logits, axis=1)
    given = Responses(log_p, np.full(200, 500, np.float32), np.zeros(200, np.int32), 16)
    assert 1 <= independent_answers(given, defence, logits) <= 16
