"""A plan in its runtime, as far as one comes without a GPU."""

import pickle
from dataclasses import replace
from inspect import getsource
from re import findall

import pytest
import tensorrt_rtx as trt

from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import NoiseSource
from dynanoise_export.runtimes.tensorrt import plan_predictor as plans
from dynanoise_export.runtimes.tensorrt.backend import Backend, require_backend
from dynanoise_export.runtimes.tensorrt.build import Build
from dynanoise_export.runtimes.tensorrt.plan_predictor import PlanEndpoint
from support.plans import compiled, write_defended


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return compiled(write_defended(tmp_path_factory.mktemp("plan")))


@pytest.fixture
def on_gpu(monkeypatch):
    """Let the machine have a GPU by its driver's word."""
    return lambda capability: monkeypatch.setattr(plans, "compute_capability", lambda: capability)


def refusal(path, build):
    with pytest.raises(UserError) as refused:
        PlanEndpoint(path, build).open()
    assert len(str(refused.value).splitlines()) == 1
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_without_a_gpu_that_is_told(built, on_gpu):
    on_gpu(None)
    assert "needs a GPU, and none with a driver is found here" in refusal(built.path, built.manifest)


def test_what_the_backend_says_of_a_missing_gpu_is_one_sentence(built, on_gpu):
    if plans.compute_capability() is not None:
        pytest.skip("there is a GPU")
    on_gpu("8.9")
    told = refusal(built.path, built.manifest)
    assert told.startswith(f"TensorRT-RTX can't open {built.path}: ")
    assert "CUDA driver version is insufficient" in told


def test_another_plan_than_the_manifest_s_is_told(built, tmp_path):
    other = tmp_path / "other.plan"
    other.write_bytes(built.path.read_bytes()[:-1])
    assert "is another plan than its manifest tells of, or is damaged" in refusal(other, built.manifest)


def test_a_missing_plan_is_told(built, tmp_path):
    assert "is missing" in refusal(tmp_path / "missing.plan", built.manifest)


def test_a_plan_of_another_version_is_told(built):
    told = refusal(built.path, replace(built.manifest, version="1.6.0.5"))
    assert f"was built by TensorRT-RTX 1.6.0.5, and {trt.__version__} is installed: compile it again" in told


def test_a_version_compatible_plan_of_an_earlier_version_comes_further(built, on_gpu):
    on_gpu(None)
    build = replace(built.manifest, version="1.6.0.5", version_compatible=True)
    assert "needs a GPU" in refusal(built.path, build)


def test_a_missing_package_is_told(built):
    with pytest.raises(UserError, match=r"^TensorRT is not installed: pip install 'dynanoise-export\[tensorrt\]'\.$"):
        PlanEndpoint(built.path, replace(built.manifest, backend=Backend.TENSORRT)).open()


def test_another_gpu_is_told(built, on_gpu):
    on_gpu("8.6")
    build = replace(built.manifest, compute_capabilities=("8.9", "12.0"), hardware_compatibility="NONE")
    told = refusal(built.path, build)
    assert "for GPUs of compute capability 8.9, 12.0, and that of this machine has 8.6: compile it again" in told


def test_a_plan_for_ampere_and_later_refuses_what_came_before(built, on_gpu):
    on_gpu("7.5")
    assert "for GPUs of compute capability 8.0 and later, and that of this machine has 7.5" in refusal(
        built.path, built.manifest
    )


def test_a_place_can_be_sent_to_another_process(built):
    place = PlanEndpoint(built.path, built.manifest)
    assert pickle.loads(pickle.dumps(place)) == place


def test_what_is_known_of_the_generators():
    rtx, other = (
        PlanEndpoint(None, Build(backend, "1", (), False, "NONE", "")) for backend in (Backend.RTX, Backend.TENSORRT)
    )
    assert rtx.sessions_repeat
    assert "the same seed at every run" in rtx.generator
    assert (other.sessions_repeat, other.generator) == (False, "")


def test_a_plan_is_served_by_its_manifest(tmp_path):
    built = compiled(write_defended(tmp_path, NoiseSource.INPUT))
    deployed = open_deployed(built.path)
    assert deployed.endpoint == PlanEndpoint(built.path, built.manifest)
    assert (deployed.answers, deployed.classes, deployed.noise_input) == ("probabilities", 10, "noise")
    assert [spec.name for spec in deployed.inputs] == ["x"]


def test_the_runtime_has_what_is_called():
    """No GPU has run these calls: at least their names are right."""
    require_backend(Backend.RTX)  # before anything of Polygraphy's is imported
    from polygraphy.backend.trt import TrtRunner, engine_from_bytes

    called = set(findall(r"engine\.(\w+)", getsource(plans.PlanPredictor)))
    assert called == {"get_tensor_name", "get_tensor_mode", "num_io_tensors"}
    assert all(hasattr(trt.ICudaEngine, name) for name in called)
    assert hasattr(trt.TensorIOMode, "INPUT")
    assert callable(engine_from_bytes)
    assert all(hasattr(TrtRunner, name) for name in ("activate", "infer", "deactivate"))
    assert "self.device_input_buffers" in getsource(TrtRunner.activate_impl)
