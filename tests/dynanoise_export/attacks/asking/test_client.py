from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.special import log_softmax

from dynanoise_export.attacks.asking.client import SMALLEST, ReferenceClient, SessionClient
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.session import Session
from dynanoise_export.errors import UserError
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.types import TensorSpec

X = {"x": np.random.default_rng(0).normal(0, 3, (5, 4)).astype(np.float32)}
PROBABILITIES = np.exp(log_softmax(X["x"], axis=1))


@dataclass
class Recorded(Closing):
    """A predictor that answers with a function of its inputs, and records what it gets."""

    answer: object
    sent: list = field(default_factory=list)
    inputs, outputs = ["x"], ["p"]

    def run(self, inputs):
        self.sent.append(inputs)
        return {"p": self.answer(inputs)}


@dataclass(frozen=True)
class Opens:
    """An endpoint that opens a given predictor."""

    predictor: Recorded
    where = Where.ONNXRUNTIME_CPU

    def open(self):
        return self.predictor


def client(answer, batch="n", noise=None, defended=True):
    predictor = Recorded(answer)
    spec = TensorSpec("x", "float32", (batch, 4))
    model = DeployedModel("m.onnx", None, Opens(predictor), (spec,), noise, "p", (), 4, (), None, None, None, None)
    return SessionClient(Session(model), defended=defended), predictor


def test_probabilities_become_their_logarithms():
    asked, _ = client(lambda inputs: PROBABILITIES)
    np.testing.assert_allclose(asked.log_probabilities(X), log_softmax(X["x"], axis=1), atol=1e-6)


def test_a_probability_of_0_stays_finite():
    asked, _ = client(lambda inputs: np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0]])
    assert np.isfinite(asked.log_probabilities(X)).all()


def test_an_undefended_model_may_give_logits():
    asked, _ = client(lambda inputs: inputs["x"], defended=False)
    np.testing.assert_allclose(asked.log_probabilities(X), log_softmax(X["x"], axis=1), atol=1e-6)


def test_the_first_answers_decide_what_an_undefended_model_gives():
    answers = iter([X["x"], PROBABILITIES])
    asked, _ = client(lambda inputs: next(answers), defended=False)
    asked.log_probabilities(X)
    np.testing.assert_allclose(asked.log_probabilities(X), log_softmax(PROBABILITIES, axis=1), atol=1e-6)


def test_a_logit_of_minus_infinity_is_a_probability_of_0():
    logits = np.where(np.eye(5, 4) > 0, -np.inf, X["x"]).astype(np.float32)
    asked, _ = client(lambda inputs: logits, defended=False)
    found = asked.log_probabilities(X)
    np.testing.assert_allclose(found[:4].diagonal(), np.log(SMALLEST))
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("answer", "defended"),
    [
        (X["x"], True),
        (np.full((5, 4), np.nan, np.float32), True),
        (np.full((5, 4), np.nan, np.float32), False),
        (np.full((5, 4), np.inf, np.float32), False),
        (np.full((5, 4), -np.inf, np.float32), False),
        (np.ones((5, 1), np.float32), False),
        (np.ones((5, 4, 2), np.float32), False),
        (np.ones((3, 4), np.float32), False),
    ],
    ids=[
        "logits behind a defence",
        "NaN behind a defence",
        "NaN",
        "infinity",
        "minus infinity everywhere",
        "one class",
        "three axes",
        "too few rows",
    ],
)
def test_other_answers_are_refused(answer, defended):
    asked, _ = client(lambda inputs: answer, defended=defended)
    with pytest.raises(UserError, match=r"m\.onnx"):
        asked.log_probabilities(X)


def test_a_model_with_a_fixed_batch_gets_whole_batches():
    asked, predictor = client(lambda inputs: np.exp(log_softmax(inputs["x"], axis=1)), batch=8)
    assert asked.batch == 8
    np.testing.assert_allclose(asked.log_probabilities(X), log_softmax(X["x"], axis=1), atol=1e-6)
    assert predictor.sent[0]["x"].shape == (8, 4)


def test_noise_that_the_server_feeds_is_fresh_in_each_call():
    noise = TensorSpec("noise", "float32", ("n", 6))
    asked, predictor = client(lambda inputs: PROBABILITIES, noise=noise)
    for _ in range(40):
        asked.log_probabilities(X)
    fed = np.stack([sent["noise"] for sent in predictor.sent])
    assert fed.shape == (40, 5, 6)
    assert len(np.unique(fed.reshape(200, -1), axis=0)) == 200  # single float32 draws may coincide; rows don't
    assert abs(fed.mean()) < 0.15
    assert abs(fed.std() - 1) < 0.1


def reference(folder: Path, batch: int | str, nodes: str):
    path = folder / "plain.onnx"
    graph = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[{batch}, 4] x) => (float[{batch}, 4] z) {{ {nodes} }}'
    )
    onnx.save(graph, path)
    return Reference(open_source(path))


@pytest.mark.parametrize("nodes", ["z = Identity (x)", "z = Softmax <axis = 1> (x)"], ids=["logits", "probabilities"])
def test_the_reference_gives_log_probabilities_whatever_its_output(tmp_path, nodes):
    with reference(tmp_path, "n", nodes) as opened:
        found = ReferenceClient(opened).log_probabilities(X)
    np.testing.assert_allclose(found, log_softmax(X["x"], axis=1), atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("batch", [8, 600])
def test_a_reference_with_a_fixed_batch_gets_whole_batches(tmp_path, batch):
    with reference(tmp_path, batch, "z = Identity (x)") as opened:
        asked = ReferenceClient(opened)
        assert asked.batch == batch
        np.testing.assert_allclose(asked.log_probabilities(X), log_softmax(X["x"], axis=1), atol=1e-6)


def test_a_reference_whose_answers_are_not_finite_is_refused(tmp_path):
    # It is finite on the made-up rows, which lie near 0.
    body = "a = Abs (x) most = Constant <value_float = 8.0> () s = Sub (most, a) z = Log (s)"
    with reference(tmp_path, "n", body) as opened, pytest.raises(UserError, match=r"plain\.onnx"):
        ReferenceClient(opened).log_probabilities({"x": 100 * X["x"]})
