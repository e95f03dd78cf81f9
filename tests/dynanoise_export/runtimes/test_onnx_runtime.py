import importlib.metadata
import os
import sys

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import EndpointError, MissingPackageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.runtimes.onnx_runtime import OFFICIAL, OnnxRuntimePredictor, require_onnxruntime
from dynanoise_export.runtimes.provider import Execution, Provider
from dynanoise_export.runtimes.tf32_override import VARIABLE
from support.defences import defence_alone, in_runtime
from support.graphs import normals, parse


def pretend_installed(monkeypatch, names):
    def version(name):
        if name in names:
            return "1.0"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_two_runtimes_that_overwrite_each_other_are_both_named(monkeypatch):
    pretend_installed(monkeypatch, {"onnxruntime", "onnxruntime-gpu"})
    with pytest.raises(MissingPackageError, match="onnxruntime and onnxruntime-gpu"):
        require_onnxruntime()


def test_without_a_runtime_the_error_names_the_package_to_install(monkeypatch):
    pretend_installed(monkeypatch, set())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if the package were not installed
    with pytest.raises(MissingPackageError, match=r"dynanoise-export\[cpu\]"):
        require_onnxruntime()


def test_the_program_reports_it_on_one_line(monkeypatch, program, checkpoint, tmp_path):
    pretend_installed(monkeypatch, {"onnxruntime", "onnxruntime-gpu"})
    ended = program(checkpoint, "-o", tmp_path / "defended.onnx")
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert "onnxruntime-gpu" in ended.err


def test_a_file_that_does_not_open_is_an_endpoint_error(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(EndpointError):
        OnnxRuntimePredictor(tmp_path / "x.onnx")


def test_inputs_that_do_not_fit_are_an_endpoint_error():
    file = in_runtime(defence_alone(DynaNoise(), 3, NoiseSource.RANDOM))
    with pytest.raises(EndpointError, match=r"logits \[2, 4\] float32"):
        file.run({"logits": np.zeros((2, 4), np.float32)})


@pytest.mark.parametrize(
    ("graph", "shape", "operator", "said"),
    [
        ("(float[N,1,T] x) => (float[N,1,L] y) <float[1,1,3] w = {1,2,3}> { y = Conv(x, w) }", (2, 1, 2), "Conv", "2"),
        ("(float[N,F] x) => (float[N,3] y) <int64[2] s = {4, 3}> { y = Reshape(x, s) }", (2, 8), "Reshape", "{4,3}"),
        ("(float[N,3] x) => (float[N,3] y) <float[3] w = {1,2,3}> { y = Add(x, w) }", (2, 4), "", "Expected: 3"),
    ],
)
def test_a_failure_on_rows_is_one_sentence_and_nothing_is_logged(tmp_path, capfd, graph, shape, operator, said):
    ir.save(parse(f"g {graph}"), tmp_path / "model.onnx")
    with OnnxRuntimePredictor(tmp_path / "model.onnx") as predictor, pytest.raises(FailedRunError) as failed:
        predictor.run({"x": np.zeros(shape, np.float32)})
    assert failed.value.rows == f"x {list(shape)} float32"
    sentence = str(failed.value)
    assert sentence.startswith(str(tmp_path / "model.onnx"))
    assert operator in failed.value.reason
    assert said in failed.value.reason
    for noise in ("\x1b", "\n", "ONNXRuntimeError", "onnxruntime_src", ".h:", "node. Name"):
        assert noise not in sentence
    assert capfd.readouterr() == ("", "")


def test_a_light_session_gives_the_same_answers():
    model = defence_alone(DynaNoise(), 3)
    rows = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    query = {"logits": rows[0], "noise": rows[1]}
    answers = [in_runtime(model, light=light).run(query)["probabilities"] for light in (False, True)]
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)


def test_a_saved_graph_finds_the_weights_that_are_stored_beside_the_model(tmp_path):
    model = parse("g (float[N,300] x, float[300,300] w) => (float[N,300] z) { z = MatMul(x, w) }")
    weight = model.graph.inputs.pop()
    weight.const_value = ir.tensor(normals(300, 300, seed=1), name="w")
    model.graph.register_initializer(weight)
    ir.save(model, tmp_path / "plain.onnx", external_data="plain.weights")
    (folder := tmp_path / "elsewhere").mkdir()
    x = normals(4, 300)
    with OnnxRuntimePredictor(tmp_path / "plain.onnx", save_optimised=folder / "saved.onnx") as predictor:
        expected = predictor.run({"x": x})["z"]
    with OnnxRuntimePredictor(folder / "saved.onnx") as predictor:
        np.testing.assert_allclose(predictor.run({"x": x})["z"], expected, rtol=1e-5)


@pytest.fixture
def asked(monkeypatch):
    """Give what the last session asked for: the options of each provider."""
    asked = {}

    class Session:
        def __init__(self, path, options, providers, enable_fallback):
            asked.clear()
            asked.update(providers)

        def get_providers(self):
            return list(asked)

    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: list(OFFICIAL.values()))
    monkeypatch.setattr("onnxruntime.InferenceSession", Session)
    monkeypatch.setenv(VARIABLE, "0")
    return asked


def test_sessions_on_cuda_ask_for_no_tf32_and_for_one_algorithm(asked, tmp_path):
    OnnxRuntimePredictor(tmp_path / "model.onnx", execution=Execution(Provider.TENSORRT))
    assert list(asked) == ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert asked["CUDAExecutionProvider"] == {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
    assert asked["CPUExecutionProvider"] == {}


def test_tf32_and_cuda_graphs_are_asked_for_by_the_runtimes_own_names(asked, tmp_path):
    OnnxRuntimePredictor(tmp_path / "model.onnx", execution=Execution(Provider.CUDA, tf32=True, cuda_graph=True))
    assert asked["CUDAExecutionProvider"] == {
        "use_tf32": "1",
        "cudnn_conv_algo_search": "DEFAULT",
        "enable_cuda_graph": "1",
    }


@pytest.mark.parametrize(
    ("said", "tf32", "allowed"),
    [(None, False, True), (None, True, True), ("0", False, True), ("0", True, False), ("1", False, False)],
)
def test_tensorrt_has_no_option_for_tf32_so_the_environment_must_agree(
    asked, tmp_path, monkeypatch, said, tf32, allowed
):
    monkeypatch.delenv(VARIABLE)
    if said is not None:
        monkeypatch.setenv(VARIABLE, said)
    execution = Execution(Provider.TENSORRT, tf32=tf32)
    if not allowed:
        with pytest.raises(EndpointError, match=VARIABLE):
            OnnxRuntimePredictor(tmp_path / "model.onnx", execution=execution)
        return
    OnnxRuntimePredictor(tmp_path / "model.onnx", execution=execution)
    assert os.environ.get(VARIABLE) == (None if tf32 else "0")
