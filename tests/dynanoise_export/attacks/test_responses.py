from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.attacks.queries.variants import same
from dynanoise_export.attacks.responses import gather, joined, merged
from dynanoise_export.sources.inputs import TensorSpec

ROWS, CLASSES = 7, 4
X = {"x": np.zeros((ROWS, 2), np.float32)}
Y = np.arange(ROWS) % CLASSES


class Scripted:
    """A predictor that gives prepared answers, one after the other."""

    inputs, outputs = ["x"], ["p"]

    def __init__(self, answers):
        self.answers = iter(answers)

    def run(self, inputs):
        return {"p": next(self.answers)}


@pytest.fixture
def probabilities():
    """Give nine answers to each query."""
    return np.random.default_rng(0).dirichlet(np.ones(CLASSES), (9, ROWS)).astype(np.float32)


def asked(answers):
    client = Client(Path("m.onnx"), Scripted(answers), "p", [TensorSpec("x", "float32", ("n", 2))], defended=True)
    return gather(client, X, Y, same(len(answers)), lambda queries: None)


def spread(log_p):
    centred = log_p - log_p.mean(axis=2, keepdims=True)
    return centred.var(axis=0, ddof=1).mean(axis=1)


def test_several_answers_are_kept_as_mean_spread_and_right_labels(probabilities):
    log_p = np.log(probabilities.astype(np.float64))
    answers = asked(probabilities)
    np.testing.assert_allclose(answers.log_p, log_p.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(answers.spread, spread(log_p), rtol=1e-4)
    np.testing.assert_array_equal(answers.right, (probabilities.argmax(axis=2) == Y).sum(axis=0))
    assert answers.count == 9


def test_a_lone_answer_has_no_spread(probabilities):
    assert not asked(probabilities[:1]).spread.any()


@pytest.mark.parametrize("first", [1, 4, 8])
def test_answers_in_two_parts_are_as_if_asked_at_once(probabilities, first):
    together = merged(asked(probabilities[:first]), asked(probabilities[first:]))
    at_once = asked(probabilities)
    np.testing.assert_allclose(together.log_p, at_once.log_p, atol=1e-5)
    np.testing.assert_allclose(together.spread, at_once.spread, rtol=1e-4)
    np.testing.assert_array_equal(together.right, at_once.right)
    assert together.count == 9


def test_batches_stand_one_after_the_other(probabilities):
    answers = asked(probabilities)
    both = joined([answers, answers])
    np.testing.assert_array_equal(both.log_p, np.concatenate([answers.log_p] * 2))
    assert both.count == 9
