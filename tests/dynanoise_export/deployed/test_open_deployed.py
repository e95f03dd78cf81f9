import numpy as np
import pytest
from onnx_ir.passes import common

from dynanoise_export.benchmarking.benchmark import bench
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.open_deployed import ENDPOINTS, load, open_deployed
from dynanoise_export.errors import DefenceError, EndpointError, FileAccessError, NoiseError, UsageError
from dynanoise_export.exporting import export
from dynanoise_export.files import sha256
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.provider import Execution, Provider
from dynanoise_export.types import TensorSpec
from support.exports import session_of
from support.kserve import served

INPUT = TensorSpec("input", "float32", ("batch", 64))
NOISE = TensorSpec("noise", "float32", ("batch", 10))


@pytest.fixture(scope="module", params=list(NoiseSource))
def exported(request, checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp(str(request.param)) / "defended.onnx"
    return export(checkpoint, path, defence=DynaNoise(0.5, 1, 4), noise=request.param)


@pytest.fixture(scope="module")
def plain(checkpoint, tmp_path_factory):
    """Give a defended file whose metadata is gone."""
    folder = tmp_path_factory.mktemp("plain")
    made = export(checkpoint, folder / "defended.onnx", defence=KeptLabel(DynaNoise(0.5, 1, 4)))
    model = read_model(made.path)
    model.metadata_props.clear()
    write_model(model, folder / "without.onnx")
    return folder / "without.onnx"


def test_a_file_states_what_export_wrote(exported):
    model = open_deployed(exported.path)
    source = exported.provenance.noise
    assert (model.name, model.short_name, model.sha256) == (str(exported.path), "defended.onnx", sha256(exported.path))
    assert (model.inputs, model.answers, model.others, model.classes) == ((INPUT,), "probabilities", (), 10)
    assert model.defence == DynaNoise(0.5, 1, 4)
    assert model.noise is source
    assert model.noise_input == (NOISE if source is NoiseSource.INPUT else None)
    assert model.all_inputs == ((INPUT, NOISE) if source is NoiseSource.INPUT else (INPUT,))
    assert model.provenance == exported.provenance
    assert model.endpoint.where is Where.ONNXRUNTIME_CPU
    assert model.leaking == ()
    assert model.graph is not None
    assert model.graph.leaks.passed
    assert model.graph.node_defence.parameters == pytest.approx(model.defence.parameters)


def test_a_file_opens_where_it_runs(exported):
    model = open_deployed(exported.path)
    x, noise = np.zeros((3, 64), np.float32), np.zeros((3, 10), np.float32)
    sent = {"input": x} | ({"noise": noise} if model.noise_input else {})
    with model.endpoint.open() as predictor:
        answers = predictor.run(sent)["probabilities"]
    if model.noise is not NoiseSource.RANDOM:
        np.testing.assert_allclose(answers, session_of(exported.path).run(None, sent)[0], atol=1e-6)


def test_a_file_without_noise_has_no_noise_source(checkpoint, tmp_path):
    made = export(checkpoint, tmp_path / "defended.onnx", defence=Temperature(2.5))
    model = open_deployed(made.path)
    assert model.defence == model.graph.node_defence == Temperature(2.5)
    assert (model.noise, model.noise_input, model.answers) == (None, None, "probabilities")
    assert model.graph.leaks.passed


@pytest.mark.parametrize("defence", [DynaNoise(0.5, 1, 4), Temperature(2.5)])
def test_a_kept_label_is_found_in_the_metadata_and_in_the_graph(checkpoint, tmp_path, defence):
    made = export(checkpoint, tmp_path / "defended.onnx", defence=KeptLabel(defence))
    model = open_deployed(made.path)
    assert model.defence == KeptLabel(defence)
    assert model.graph.node_defence == KeptLabel(defence)


def test_without_metadata_the_defence_is_found_in_the_graph(plain):
    model = open_deployed(plain)
    assert model.provenance is None
    assert model.defence == model.graph.node_defence == KeptLabel(DynaNoise(0.5, 1, 4))
    assert model.noise is NoiseSource.RANDOM


def test_an_undefended_file_has_no_defence_and_its_answers_leak(plain, tmp_path):
    model = read_model(plain)
    model.graph.outputs[:] = [node.inputs[0] for node in model.graph if node.op_type == "DynaNoise"]
    common.RemoveUnusedNodesPass()(model)
    write_model(model, tmp_path / "plain.onnx")
    opened = open_deployed(tmp_path / "plain.onnx")
    assert (opened.defence, opened.noise, opened.provenance) == (None, None, None)
    assert opened.leaking == (opened.answers,)
    with pytest.raises(DefenceError, match=r"plain\.onnx"):
        load(tmp_path / "plain.onnx")


@pytest.mark.parametrize(
    "changed",
    [{"defence": "unheard-of"}, {"parameters": '{"epsilon": 1}'}, {"parameters": '{"sigma0": -1}'}],
    ids=["an unknown defence", "an unknown parameter", "a value out of bounds"],
)
def test_a_stated_defence_that_can_not_be_made_is_refused(exported, tmp_path, changed):
    model = read_model(exported.path)
    model.metadata_props.update({f"dynanoise.{name}": value for name, value in changed.items()})
    write_model(model, tmp_path / "changed.onnx")
    with pytest.raises(DefenceError, match=r"changed\.onnx"):
        open_deployed(tmp_path / "changed.onnx")


def test_of_a_server_without_triton_s_extensions_only_inputs_and_outputs_are_known(exported):
    with served(exported.path) as server:
        model = open_deployed(server.url)
    inputs = {spec.name: spec.shape for spec in model.inputs}
    assert inputs.pop("input") == ("batch", 64)
    assert inputs == ({"noise": ("batch", 10)} if exported.provenance.noise is NoiseSource.INPUT else {})
    assert (model.answers, model.others, model.classes, model.labels) == ("probabilities", (), 10, ())
    assert (model.provenance, model.defence, model.graph, model.sha256, model.noise) == (None,) * 5
    assert model.noise_input is None
    assert model.endpoint.where is Where.SERVER


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("missing.onnx", FileAccessError),
        ("missing.plan", FileAccessError),
        ("http://127.0.0.1:1/digits", EndpointError),
        ("grpc://127.0.0.1:1/digits", EndpointError),
        ("http://127.0.0.1", UsageError),
        ("ftp://127.0.0.1/digits", UsageError),
    ],
)
def test_a_missing_model_is_refused_in_one_sentence_that_names_it(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as refused:
        open_deployed(name)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["x.plan", "http://127.0.0.1:1/digits"])
def test_a_provider_applies_to_files_only(name):
    with pytest.raises(UsageError, match=name):
        open_deployed(name, Execution(Provider.CUDA))


def test_a_provider_that_is_not_available_is_refused(exported):
    model = open_deployed(exported.path, Execution(Provider.TENSORRT))
    assert model.endpoint.where is Where.ONNXRUNTIME_TENSORRT
    with pytest.raises(EndpointError):
        model.endpoint.open()


def test_random_noise_in_a_cuda_graph_is_refused_and_other_noise_is_not(exported):
    execution = Execution(Provider.CUDA, cuda_graph=True)
    if exported.provenance.noise is not NoiseSource.RANDOM:
        assert open_deployed(exported.path, execution).endpoint.where is Where.ONNXRUNTIME_CUDA_GRAPH
        return
    for opens in (
        lambda: open_deployed(exported.path, execution),
        lambda: load(exported.path, provider="cuda", cuda_graph=True),
        lambda: bench(exported.path, providers=["cpu", "cuda"], cuda_graph=True),
    ):
        with pytest.raises(NoiseError, match=r"defended\.onnx"):
            opens()


def test_a_deployed_model_says_how_it_is_run(exported):
    assert open_deployed(exported.path).execution == Execution()
    assert open_deployed(exported.path, Execution(Provider.CUDA, tf32=True)).execution.tf32


def test_the_kinds_of_endpoints_of_this_library_are_registered():
    assert ENDPOINTS.names()[:4] == ["onnx", "ort", "plan", "server"]
