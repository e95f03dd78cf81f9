import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.files import sha256
from dynanoise_export.parameters import NoiseSource, Parameters, Provider
from dynanoise_export.sources.inputs import TensorSpec
from support.exports import session_of
from support.kserve import served

INPUT = TensorSpec("input", "float32", ("batch", 64))


@pytest.fixture(scope="module", params=list(NoiseSource))
def exported(request, checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp(str(request.param)) / "defended.onnx"
    return export(checkpoint, path, DynaNoise(Parameters(0.5, 1, 4)), ExportOptions(noise=request.param))


def test_a_file_tells_what_export_wrote(exported):
    model = open_deployed(exported.path)
    assert (model.name, model.sha256) == (str(exported.path), sha256(exported.path))
    assert (model.inputs, model.answers, model.others, model.classes) == ((INPUT,), "probabilities", (), 10)
    assert model.parameters == Parameters(0.5, 1, 4)
    assert model.noise_input == ("noise" if exported.provenance.noise == "input" else None)
    assert model.keyed == (exported.provenance.noise == "keyed")
    assert model.graph is not None
    assert model.graph.leaks.passed


def test_a_file_opens_where_it_runs(exported):
    model = open_deployed(exported.path)
    x, noise = np.zeros((3, 64), np.float32), np.zeros((3, 10), np.float32)
    sent = {"input": x} | ({"noise": noise} if model.noise_input else {})
    answers = model.endpoint.open().run(sent)["probabilities"]
    if exported.provenance.noise != "random":
        np.testing.assert_allclose(answers, session_of(exported.path).run(None, sent)[0], atol=1e-6)


def test_of_a_server_without_triton_s_extensions_nothing_but_inputs_and_outputs_is_known(exported):
    with served(exported.path) as server:
        model = open_deployed(server.url)
    inputs = {spec.name: spec.shape for spec in model.inputs}
    assert inputs.pop("input") == ("batch", 64)
    assert inputs == ({"noise": ("batch", 10)} if exported.provenance.noise == "input" else {})
    assert (model.answers, model.others, model.classes) == ("probabilities", (), 10)
    assert (model.stated, model.parameters, model.graph, model.sha256, model.noise) == (None,) * 5
    assert not model.keyed


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("missing.onnx", r"missing\.onnx is not an ONNX model, or is damaged"),
        ("missing.plan", r"missing\.plan has no manifest missing\.plan\.json beside it, which compile writes"),
        ("http://127.0.0.1:1/digits", r"^No server answers at http://127\.0\.0\.1:1/digits"),
        ("grpc://127.0.0.1:1/digits", r"^No server answers at grpc://127\.0\.0\.1:1/digits"),
        ("http://127.0.0.1", r"no URL of a model on a server"),
    ],
)
def test_where_nothing_is_one_sentence_says_so(tmp_path, monkeypatch, where, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=told):
        open_deployed(where)


@pytest.mark.parametrize("where", ["x.plan", "http://127.0.0.1:1/digits"])
def test_a_provider_is_for_files(where):
    with pytest.raises(UserError, match=r"^--provider is for ONNX files, and .* is (a plan|on a server)\.$"):
        open_deployed(where, Provider.CUDA)


def test_a_provider_that_is_not_there_is_told(exported):
    model = open_deployed(exported.path, Provider.TENSORRT)
    with pytest.raises(UserError, match=r"has no TensorrtExecutionProvider.*dynanoise-export\[gpu\]"):
        model.endpoint.open()
