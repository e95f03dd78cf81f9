"""The target and shadow models behind its defence, asked about a model whose logits are known."""

import numpy as np
import pytest
from scipy.special import log_softmax

from dynanoise_export.attacks.asking.client import SMALLEST
from dynanoise_export.attacks.asking.shadow_ask import ShadowAsk, ShadowDefence
from dynanoise_export.attacks.asking.target_ask import TargetAsk
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import EndpointError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.provider import Execution, Provider
from support.blob_audits import make_blob_audit

DEFENCE = DynaNoise(sigma0=2.0, lambda_=0.0, temperature=5.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_blob_audit(tmp_path_factory.mktemp("asks") / "made", rows=300, shadows=4)


def shadow(made, defence, noise=None, number=0):
    return ShadowAsk(made.plain, number, ShadowDefence(defence, noise))


def exact(made):
    return log_softmax(made.logits(made.x), axis=1)


def test_an_undefended_shadow_model_gives_its_log_probabilities(made):
    with shadow(made, None) as ask:
        np.testing.assert_allclose(ask.answers({"x": made.x}), exact(made), atol=1e-4)
        np.testing.assert_allclose(ask.mean({"x": made.x}, 16), exact(made), atol=1e-4)


def test_a_defence_without_noise_is_taken_back(made):
    with shadow(made, Temperature(7.0)) as ask:
        np.testing.assert_allclose(ask.answers({"x": made.x}), exact(made), atol=1e-4)


def test_the_only_input_may_have_another_name_than_that_of_the_target(made):
    for defence in (None, Temperature(7.0)):
        with shadow(made, defence) as ask:
            np.testing.assert_allclose(ask.answers({"input": made.x}), exact(made), atol=1e-4)


@pytest.mark.parametrize(("count", "deviation"), [(1, 2.0), (16, 0.5)])
def test_fresh_noise_has_the_deviation_of_so_many_answers(made, count, deviation):
    with shadow(made, DEFENCE, NoiseSource.RANDOM) as ask:
        apart = ask.mean({"x": made.x}, count) - exact(made)
    centred = apart - apart.mean(axis=1, keepdims=True)
    classes = apart.shape[1]
    assert centred.std() == pytest.approx(deviation * np.sqrt(1 - 1 / classes), rel=0.1)


def test_keyed_noise_repeats_with_the_query_and_differs_between_models(made):
    rows = {"x": made.x}
    with shadow(made, DEFENCE, NoiseSource.KEYED) as ask, shadow(made, DEFENCE, NoiseSource.KEYED, 1) as other:
        first = ask.answers(rows)
        np.testing.assert_array_equal(first, ask.answers(rows))
        np.testing.assert_array_equal(first, ask.mean(rows, 16))
        assert np.abs(first - other.answers(rows)).mean() > 1
        assert np.abs(first - exact(made)).mean() > 0.5


def test_kept_labels_are_kept(made):
    with shadow(made, KeptLabel(DEFENCE), NoiseSource.RANDOM) as ask:
        labels = ask.answers({"x": made.x}).argmax(axis=1)
    np.testing.assert_array_equal(labels, made.logits(made.x).argmax(axis=1))


def test_probabilities_that_underflow_in_a_file_underflow_in_a_shadow_model(made):
    with shadow(made, Temperature(1.0)) as ask:
        answers = ask.answers({"x": 100 * made.x})
    assert answers.min() == pytest.approx(np.log(SMALLEST), abs=1e-3)


class Client:
    """A client of the exact model with a temperature and noise that alternates between two answers."""

    name, batch = "m.onnx", 100

    def __init__(self, made):
        self.made, self.calls = made, []

    def log_probabilities(self, rows):
        self.calls.append(len(rows["x"]))
        by = 1.0 if len(self.calls) % 2 else -1.0
        return log_softmax((self.made.logits(rows["x"]) + by * np.arange(4)) / 5, axis=1).astype(np.float32)


def test_the_target_is_asked_in_batches_and_its_temperature_taken_back(made):
    client, sent = Client(made), []
    ask = TargetAsk(client, DEFENCE, sent.append)
    rows = {"x": made.x[:100]}
    np.testing.assert_allclose(
        ask.answers(rows), log_softmax(made.logits(made.x[:100]) + np.arange(4), axis=1), atol=1e-3
    )
    np.testing.assert_allclose(ask.mean(rows, 2), exact(made)[:100], atol=1e-3)
    ask.answers({"x": made.x})
    assert client.calls == [100, 100, 100, 100, 100, 100] == sent


@pytest.mark.parametrize("ask", [lambda shadow, x: shadow.logits(x), lambda shadow, x: shadow.answers(x)])
def test_a_shadow_model_runs_where_it_is_told_to(made, ask, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    defended = ShadowDefence(Temperature(7.0))
    with (
        ShadowAsk(made.plain, 0, defended, execution=Execution(Provider.CUDA)) as shadow,
        pytest.raises(EndpointError, match="no CUDAExecutionProvider"),
    ):
        ask(shadow, {"x": made.x})
