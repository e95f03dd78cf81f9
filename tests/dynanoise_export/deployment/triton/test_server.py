"""Repositories on a real Triton server: one server for all these tests, with a model for each case."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from scipy import stats
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.noise.source import NoiseSource
from support.exports import session_of
from support.triton_models import DEFENCE, LABELS, defended, model_of_four_rows, model_of_two, plan, text_model
from support.triton_server import require_server, triton_server

PROTOCOLS = {"http": tritonclient.http, "grpc": tritonclient.grpc}
REPEATS = 200


@pytest.fixture(scope="module")
def files(tmp_path_factory, checkpoint):
    """Give a folder with the defended files, by the names of their models."""
    require_server()
    folder = tmp_path_factory.mktemp("files")
    for noise in NoiseSource:
        defended(checkpoint, folder / f"{noise}.onnx", noise)
    defended(checkpoint, folder / "temperature.onnx", None, defence=Temperature(3.0))
    text_model(folder)
    model_of_two(folder)
    model_of_four_rows(folder)
    plan(folder / "keyed.onnx", folder / "trt.plan")
    return folder


@pytest.fixture(scope="module")
def repository(files, tmp_path_factory):
    models = tmp_path_factory.mktemp("repository") / "models"
    for noise in NoiseSource:
        write_triton_repository(files / f"{noise}.onnx", models, backend="python", instances=2)
    for name in ("text", "two", "fixed", "temperature"):
        write_triton_repository(files / f"{name}.onnx", models, backend="python")
    write_triton_repository(files / "keyed.onnx", models, name="ort")
    write_triton_repository(files / "trt.plan", models)
    shutil.copytree(models / "fixed" / "1", models / "fixed" / "2")
    return models


@pytest.fixture(scope="module")
def server(repository, tmp_path_factory):
    with triton_server(repository, tmp_path_factory.mktemp("server"), ready=False) as started:
        yield started


@pytest.fixture
def http(server):
    with closing(tritonclient.http.InferenceServerClient(server.http)) as client:
        yield client


def query(server, model, protocol="http", **arrays):
    module = PROTOCOLS[protocol]
    inputs = []
    for name, array in arrays.items():
        inputs.append(module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)))
        inputs[-1].set_data_from_numpy(array)
    with closing(module.InferenceServerClient(getattr(server, protocol))) as client:
        return client.infer(model, inputs).as_numpy("probabilities")


def rows(count, seed=0):
    return np.random.default_rng(seed).random((count, 64), dtype=np.float32)


def texts(count, length, words=60, seed=0):
    words = np.random.default_rng(seed).integers(0, words, (count, length))
    return {"input_ids": words, "attention_mask": np.ones_like(words)}


def answer(files, model, **arrays):
    return session_of(files / f"{model}.onnx").run(["probabilities"], arrays)[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [1, 7, 64])
def test_keyed_answers_are_those_of_the_file(server, files, protocol, count):
    expected = answer(files, "keyed", input=rows(count))
    np.testing.assert_allclose(query(server, "keyed", protocol, input=rows(count)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_texts_of_any_length_come_back_as_from_the_file(server, files, protocol):
    for count, length in ((1, 3), (5, 9), (64, 17)):
        expected = answer(files, "text", **texts(count, length))
        given = query(server, "text", protocol, **texts(count, length))
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-6)


def test_a_fixed_batch_is_left_alone(server, files):
    x = np.random.default_rng(0).random((4, 6), dtype=np.float32)
    np.testing.assert_allclose(query(server, "fixed", x=x), answer(files, "fixed", x=x), rtol=0, atol=1e-6)
    with pytest.raises(InferenceServerException, match=r"Expected \[4,6\]"):
        query(server, "fixed", x=x[:3])


@pytest.mark.parametrize("model", ["random", "input"])
def test_noise_is_fresh_in_every_answer_of_both_instances(server, files, model):
    stubs = server.stubs(model)
    assert len(stubs) == 2
    before = [processor_time(stub) for stub in stubs]
    repeated = np.repeat(rows(1), 32, axis=0)
    with ThreadPoolExecutor(4) as threads:
        answers = np.concatenate(list(threads.map(lambda _: query(server, model, input=repeated), range(REPEATS))))
    assert len(np.unique(answers, axis=0)) == REPEATS * len(repeated)
    # Algorithm 1, solved for the noise: T · log p is the noisy logits up to a constant for each row.
    logits = 3.0 * np.log(answer(files, "input", input=rows(1), noise=np.zeros((1, 10), np.float32))[0])
    p = np.exp(logits) / np.exp(logits).sum()
    sensitivity = 1 + (p * np.log(p)).sum() / np.log(10)
    sigma = DEFENCE.sigma0 * np.sqrt(1 + DEFENCE.lambda_ * sensitivity)
    noisy = 3.0 * np.log(answers.astype(np.float64))
    noise = (noisy - logits)[:, ::2] - (noisy - logits)[:, 1::2]
    # A false alarm once in a million runs.
    assert stats.kstest((noise / (np.sqrt(2) * sigma)).ravel(), "norm").pvalue > 1e-6
    assert all(processor_time(stub) > spent for stub, spent in zip(stubs, before, strict=True))


def processor_time(process):
    """Give the processor time of a process and of all its threads, in nanoseconds."""
    return sum(int(thread.read_text().split()[0]) for thread in Path(f"/proc/{process}/task").glob("*/schedstat"))


@pytest.mark.parametrize("model", ["input", "two"])
def test_no_client_can_choose_the_noise(server, http, model):
    assert "noise" not in [tensor["name"] for tensor in http.get_model_metadata(model)["inputs"]]
    own = {"input": rows(2)} if model == "input" else {"x": rows(2)[:, :6], "y": rows(2)[:, :6]}
    assert query(server, model, **own).shape == (2, 10 if model == "input" else 4)
    with pytest.raises(InferenceServerException, match="inputs"):
        query(server, model, **own, noise=np.zeros((2, 10), np.float32))


def test_each_of_many_requests_of_many_sizes_gets_its_own_answer(server, files):
    def wrong(number):
        own = rows(1 + number % 64, seed=number)
        return np.abs(query(server, "keyed", ("http", "grpc")[number % 2], input=own) - expected[number]).max()

    expected = [answer(files, "keyed", input=rows(1 + n % 64, seed=n)) for n in range(150)]
    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(wrong, range(150))) < 1e-6


def test_a_bad_request_costs_no_other_request_its_answer(server, files):
    def mixed(number):
        if number % 3 == 0:  # tokens that are not in the vocabulary
            with pytest.raises(InferenceServerException, match="does not run on these inputs"):
                query(server, "text", **texts(2, 8, words=10_000, seed=number))
            return 0.0
        own = texts(2, 8 + number % 3, seed=number)
        return np.abs(query(server, "text", **own) - answer(files, "text", **own)).max()

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(mixed, range(90))) < 1e-6


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (np.zeros((2, 63), np.float32), "unexpected shape"),
        (np.zeros((2, 64), np.float64), "data-type is 'FP64'"),
        (np.zeros((65, 64), np.float32), "batch-size must be <= 64"),
        (np.zeros((0, 64), np.float32), "mismatch"),
    ],
)
def test_a_query_that_does_not_fit_is_refused_and_the_model_keeps_running(server, sent, message):
    for model in ("keyed", "input"):
        with pytest.raises(InferenceServerException, match=message):
            query(server, model, input=sent)
        assert query(server, model, input=rows(1)).shape == (1, 10)


def test_nan_is_answered_with_nan_and_the_model_keeps_running(server, files):
    sent = rows(3)
    sent[1] = np.nan
    given = query(server, "keyed", input=sent)
    np.testing.assert_allclose(given[[0, 2]], answer(files, "keyed", input=sent)[[0, 2]], rtol=0, atol=1e-6)
    assert np.isnan(given[1]).all()


def test_inputs_with_different_numbers_of_rows_are_refused(server):
    with pytest.raises(InferenceServerException, match="batch size does not match"):
        query(server, "two", x=np.zeros((3, 6), np.float32), y=np.zeros((2, 6), np.float32))


def test_the_classes_have_their_names(http, files):
    inputs = []
    for name, array in texts(2, 5).items():
        inputs.append(tritonclient.http.InferInput(name, [2, 5], "INT64"))
        inputs[-1].set_data_from_numpy(array)
    best = tritonclient.http.InferRequestedOutput("probabilities", class_count=1)
    named = http.infer("text", inputs, outputs=[best]).as_numpy("probabilities")
    labels = answer(files, "text", **texts(2, 5)).argmax(axis=1)
    assert [entry[0].decode().split(":")[1:] for entry in named] == [[str(j), LABELS[j]] for j in labels]


def test_only_the_newest_version_is_served(http):
    assert http.get_model_metadata("fixed")["versions"] == ["2"]


def test_every_model_is_ready_after_its_warm_up(http):
    for model in (*NoiseSource, "text", "two", "fixed", "temperature"):
        assert http.is_model_ready(model)
        assert len(http.get_model_config(model)["model_warmup"]) == (1 if model == "fixed" else 2)


def parameters(http, model):
    return {name: value["string_value"] for name, value in http.get_model_config(model)["parameters"].items()}


def test_a_client_can_read_what_the_defence_is(http, files):
    stated = parameters(http, "keyed")
    assert stated["dynanoise.defence"] == "dynanoise"
    assert json.loads(stated["dynanoise.parameters"]) == {"sigma0": 0.5, "lambda": 2.0, "temperature": 3.0}
    assert stated["dynanoise.noise"] == "keyed"
    assert stated["dynanoise.classes"] == "10"
    assert (files / "keyed.onnx.key").read_text().strip() not in json.dumps(stated)


def test_a_defence_without_noise_answers_as_the_file(server, http, files):
    expected = answer(files, "temperature", input=rows(7))
    np.testing.assert_allclose(query(server, "temperature", input=rows(7)), expected, rtol=0, atol=1e-6)
    assert parameters(http, "temperature")["dynanoise.defence"] == "temperature"
    assert "dynanoise.noise" not in parameters(http, "temperature")


def test_the_configs_of_the_other_backends_are_read_until_the_backend_is_missed(server, http):
    models = {model["name"]: model for model in http.get_model_repository_index()}
    for model, backend in (("ort", "onnxruntime"), ("trt", "tensorrt")):
        assert models[model]["state"] == "UNAVAILABLE"
        assert f"unable to find backend library for backend '{backend}'" in models[model]["reason"]


def test_the_commands_of_the_readme_query_the_model(server, repository):
    for model in ("input", "text", "two"):
        readme = (repository / model / "README.md").read_text().replace("localhost:8000", server.http)
        start, request = re.findall(r"^```sh\n(.*?)\n```", readme, re.MULTILINE | re.DOTALL)
        assert start.startswith("docker run")
        body_command, curl = request.split(" |\n")
        body = subprocess.run(["bash", "-c", body_command], capture_output=True, check=True).stdout
        with urllib.request.urlopen(curl.split()[-1], data=body) as answered:
            assert json.load(answered)["outputs"][0]["name"] == "probabilities"
        (script,) = re.findall(r"^```python\n(.*?)\n```", readme, re.MULTILINE | re.DOTALL)
        printed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
        assert printed.startswith("[[")
