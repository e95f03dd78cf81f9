"""A plan in its runtime, as far as this can be tested without a GPU."""

import pickle
from dataclasses import replace
from inspect import getsource
from re import findall

import pytest
import tensorrt_rtx as trt

from dynanoise_export.deployed.manifest import manifest_of
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import EndpointError, MissingPackageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.tensorrt import plan_predictor as plans
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend, require_backend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.runtimes.tensorrt.plan_predictor import PlanEndpoint
from dynanoise_export.types import TensorSpec
from support.plans import compiled, write_defended


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return compiled(write_defended(tmp_path_factory.mktemp("plan")))


@pytest.fixture
def on_gpu(monkeypatch):
    """Give a function that makes the driver report a GPU of a compute capability, or none."""
    return lambda capability: monkeypatch.setattr(plans, "compute_capability", lambda: capability)


def refusal(path, build):
    with pytest.raises(EndpointError) as refused:
        PlanEndpoint(path, build).open()
    assert len(str(refused.value).splitlines()) == 1
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_without_a_gpu_the_plan_is_refused(built, on_gpu):
    on_gpu(None)
    assert "GPU" in refusal(built.path, built.manifest)


def test_the_backend_s_own_error_is_one_sentence(built, on_gpu):
    if plans.compute_capability() is not None:
        pytest.skip("there is a GPU")
    on_gpu("8.9")
    assert "CUDA driver version is insufficient" in refusal(built.path, built.manifest)  # the words of CUDA


def test_another_plan_than_the_manifest_describes_is_refused(built, tmp_path, on_gpu):
    on_gpu("8.9")
    other = tmp_path / "other.plan"
    other.write_bytes(built.path.read_bytes()[:-1])
    assert "manifest" in refusal(other, built.manifest)


def test_a_missing_plan_is_refused(built, tmp_path):
    refusal(tmp_path / "missing.plan", built.manifest)


def test_a_plan_of_another_version_is_refused_with_both_versions(built):
    sentence = refusal(built.path, replace(built.manifest, version="1.6.0.5"))
    assert "1.6.0.5" in sentence
    assert trt.__version__ in sentence


def test_a_version_compatible_plan_of_an_earlier_version_is_not_refused_for_its_version(built, on_gpu):
    on_gpu(None)
    build = replace(built.manifest, version="1.6.0.5", version_compatible=True)
    assert "1.6.0.5" not in refusal(built.path, build)


def test_the_error_names_a_missing_package(built):
    endpoint = PlanEndpoint(built.path, replace(built.manifest, backend=TensorRTBackend.TENSORRT))
    with pytest.raises(MissingPackageError, match=r"dynanoise-export\[tensorrt\]"):
        endpoint.open()


def test_another_gpu_is_refused(built, on_gpu):
    on_gpu("8.6")
    build = replace(built.manifest, compute_capabilities=("8.9", "12.0"), hardware_compatibility="NONE")
    sentence = refusal(built.path, build)
    assert "8.9, 12.0" in sentence
    assert "8.6" in sentence


def test_a_plan_for_ampere_and_later_refuses_earlier_gpus(built, on_gpu):
    on_gpu("7.5")
    sentence = refusal(built.path, built.manifest)
    assert "8.0, 8.6, 8.9, 12.0 and later" in sentence
    assert "7.5" in sentence


def test_an_endpoint_can_be_sent_to_another_process(built):
    endpoint = PlanEndpoint(built.path, built.manifest)
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("backend", "where"),
    [(TensorRTBackend.RTX, Where.TENSORRT_RTX), (TensorRTBackend.TENSORRT, Where.TENSORRT)],
)
def test_an_endpoint_runs_in_the_backend_that_built_it(backend, where):
    assert PlanEndpoint(None, Build(backend, "1", (), False, "NONE", "")).where is where


def test_a_plan_is_opened_by_its_manifest(tmp_path):
    built = compiled(write_defended(tmp_path, NoiseSource.INPUT))
    model = open_deployed(built.path)
    assert model.endpoint == PlanEndpoint(built.path, built.manifest)
    assert manifest_of(model) is model.endpoint.build
    assert (model.answers, model.classes, model.noise) == ("probabilities", 10, NoiseSource.INPUT)
    assert model.noise_input == TensorSpec("noise", "float32", ("N", 10))
    assert [spec.name for spec in model.inputs] == ["x"]


def test_the_runtime_has_every_name_that_is_called():
    """No GPU has run these calls; at least their names exist."""
    require_backend(TensorRTBackend.RTX)  # before the first import from Polygraphy
    from polygraphy.backend.trt import TrtRunner, engine_from_bytes

    called = set(findall(r"engine\.(\w+)", getsource(plans.PlanPredictor)))
    assert called == {"get_tensor_name", "get_tensor_mode", "num_io_tensors"}
    assert all(hasattr(trt.ICudaEngine, name) for name in called)
    assert hasattr(trt.TensorIOMode, "INPUT")
    assert callable(engine_from_bytes)
    assert all(hasattr(TrtRunner, name) for name in ("activate", "infer", "deactivate"))
    assert "self.device_input_buffers" in getsource(TrtRunner.activate_impl)
