import importlib.metadata
import sys

import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import EndpointError, MissingPackageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor, require_onnxruntime
from support.defences import defence_alone, in_runtime


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


def test_a_light_session_gives_the_same_answers():
    model = defence_alone(DynaNoise(), 3)
    rows = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    query = {"logits": rows[0], "noise": rows[1]}
    answers = [in_runtime(model, light=light).run(query)["probabilities"] for light in (False, True)]
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)
