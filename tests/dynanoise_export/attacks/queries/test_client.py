from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import TensorSpec

X = {"x": np.random.default_rng(0).normal(0, 3, (5, 4)).astype(np.float32)}
PROBABILITIES = np.exp(log_softmax(X["x"], axis=1))


class Recorded:
    """A predictor that answers with a function of its inputs, and keeps what it was sent."""

    inputs, outputs = ["x"], ["p"]

    def __init__(self, answer):
        self.answer, self.sent = answer, []

    def run(self, inputs):
        self.sent.append(inputs)
        return {"p": self.answer(inputs)}


def client(answer, batch="n", noise=None, defended=True):
    predictor = Recorded(answer)
    spec = TensorSpec("x", "float32", (batch, 4))
    return Client(Path("m.onnx"), predictor, "p", [spec], noise, defended=defended), predictor


def test_probabilities_come_back_as_their_logarithms():
    asking, _ = client(lambda inputs: PROBABILITIES)
    np.testing.assert_allclose(asking.ask(X), log_softmax(X["x"], axis=1), atol=1e-6)


def test_a_probability_of_0_stays_finite():
    asking, _ = client(lambda inputs: np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0]])
    assert np.isfinite(asking.ask(X)).all()


def test_an_undefended_model_may_give_logits():
    asking, _ = client(lambda inputs: inputs["x"], defended=False)
    np.testing.assert_allclose(asking.ask(X), log_softmax(X["x"], axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("answer", "defended", "said"),
    [
        (X["x"], True, "no probabilities: 5 of 5"),
        (np.full((5, 4), np.nan, np.float32), True, "no probabilities"),
        (np.full((5, 4), np.nan, np.float32), False, "no probabilities"),
        (np.ones((5, 1), np.float32), False, "no classifier"),
        (np.ones((5, 4, 2), np.float32), False, "no classifier"),
        (np.ones((3, 4), np.float32), False, "no classifier"),
    ],
)
def test_other_answers_are_refused(answer, defended, said):
    asking, _ = client(lambda inputs: answer, defended=defended)
    with pytest.raises(UserError, match=said):
        asking.ask(X)


def test_a_model_of_a_fixed_batch_is_sent_whole_batches():
    asking, predictor = client(lambda inputs: np.exp(log_softmax(inputs["x"], axis=1)), batch=8)
    assert asking.batch == 8
    np.testing.assert_allclose(asking.ask(X), log_softmax(X["x"], axis=1), atol=1e-6)
    assert predictor.sent[0]["x"].shape == (8, 4)


def test_noise_that_the_server_feeds_is_fresh_in_each_call():
    noise = TensorSpec("noise", "float32", ("n", 6))
    asking, predictor = client(lambda inputs: PROBABILITIES, noise=noise)
    for _ in range(40):
        asking.ask(X)
    fed = np.stack([sent["noise"] for sent in predictor.sent])
    assert fed.shape == (40, 5, 6)
    assert len(np.unique(fed)) == fed.size
    assert abs(fed.mean()) < 0.15
    assert abs(fed.std() - 1) < 0.1
