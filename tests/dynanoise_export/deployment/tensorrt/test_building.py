import pytest
import tensorrt_rtx as trt

from dynanoise_export.deployment.tensorrt import building
from dynanoise_export.deployment.tensorrt.building import BuildOptions, build_plan
from dynanoise_export.deployment.tensorrt.profiles import profiles_of
from dynanoise_export.errors import EndpointError, UnsupportedModelError, UsageError
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend, require_backend
from dynanoise_export.runtimes.tensorrt.messages import collected_errors
from dynanoise_export.types import no_progress
from support.plans import write_defended, write_plain

RTX = BuildOptions(TensorRTBackend.RTX)


def build(path, options=RTX, given=(), progress=no_progress):
    return build_plan(path, profiles_of(input_specs(read_model(path)), given), options, progress)


@pytest.fixture(scope="module")
def defended(tmp_path_factory):
    return write_defended(tmp_path_factory.mktemp("defended"))


def test_a_plan_is_built_and_nothing_is_printed(defended, capfd):
    plan = build(defended)
    assert len(plan) > 100_000  # it contains the tables of the noise
    assert capfd.readouterr() == ("", "")


def test_the_same_file_gives_the_same_plan(defended):
    assert build(defended) == build(defended)


def test_the_chosen_compute_capabilities_change_the_plan(defended):
    plans = [build(defended, BuildOptions(TensorRTBackend.RTX, compute_capabilities=kinds))
             for kinds in ((), ("8.9",), ("8.9", "12.0"))]  # fmt: skip
    assert len(set(plans)) == 3


def test_progress_reports_the_phases(defended):
    steps = []
    build(defended, progress=steps.append)
    assert {step.what for step in steps} >= {"Building engine", "Optimizing graph"}
    assert all(1 <= step.done <= step.total and step.unit == "steps" for step in steps)


def test_ctrl_c_ends_a_build(defended):
    steps = []

    def press(step):
        steps.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(defended, progress=press)
    assert len(steps) < 10


@pytest.mark.parametrize(
    ("middle", "operator"),
    [
        ("r = Bernoulli(h)", "Bernoulli"),
        ("s = Cast<to=8>(h)\n r = Cast<to=1>(s)", "Cast"),
        ("r = user.Mystery(h)", "Mystery"),  # of a custom domain
    ],
)
def test_an_unsupported_operator_is_named(tmp_path, middle, operator):
    path = write_plain(tmp_path / "plain.onnx", middle)
    with pytest.raises(UnsupportedModelError, match=operator) as refused:
        build(path)
    assert len(str(refused.value).splitlines()) == 1


def test_sizes_that_the_model_does_not_take_are_an_error(tmp_path):
    middle = "four = Constant<value = float[4,1] {1, 2, 3, 4}>()\n r = Add(h, four)"
    path = write_plain(tmp_path / "plain.onnx", middle)
    with pytest.raises(EndpointError, match="--profile"):
        build(path)
    assert build(path, given=["x:4x30:4x30:4x30"])


@pytest.mark.parametrize("capability", ["9.0", "8", "89", "8.9.0", "x", "", "SM89"])
def test_an_unknown_compute_capability_is_refused(defended, capability):
    with pytest.raises(UsageError, match=r"7\.5, 8\.0, 8\.6, 8\.9, "):
        build(defended, BuildOptions(TensorRTBackend.RTX, compute_capabilities=(capability,)))


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        (TensorRTBackend.RTX, {"timing_cache": "x"}),
        (TensorRTBackend.RTX, {"version_compatible": True}),
        (TensorRTBackend.RTX, {"hardware_compatible": True}),
        (TensorRTBackend.TENSORRT, {"compute_capabilities": ("8.9",)}),
    ],
)
def test_an_option_of_the_other_backend_is_refused(backend, options):
    option = next(iter(options)).replace("_", "-").replace("capabilities", "capability")
    with pytest.raises(UsageError, match=f"^--{option} "):
        BuildOptions(backend, **options)


def test_tensorrt_builds_on_a_gpu(defended, monkeypatch):
    monkeypatch.setattr(building, "require_backend", lambda backend: trt)
    monkeypatch.setattr(building, "compute_capability", lambda: None)
    with pytest.raises(EndpointError, match="--backend tensorrt-rtx"):
        build(defended, BuildOptions(TensorRTBackend.TENSORRT))


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning")
def test_the_options_of_tensorrt_are_in_the_api_of_both(defended):
    """TensorRT is not installed here: TensorRT-RTX's module, which has the same names, makes its configuration."""
    require_backend(TensorRTBackend.RTX)
    from polygraphy.backend.trt import create_network

    options = BuildOptions(TensorRTBackend.TENSORRT, version_compatible=True, hardware_compatible=True)
    with collected_errors() as errors:
        builder, network = create_network(strongly_typed=True)
        building._parse(trt, defended, network, "TensorRT")
        config = building._config(trt, {"x": ((1, 30), (8, 30), (256, 30))}, options, None)(builder, network)
    assert config.get_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    assert config.num_optimization_profiles == 1
    assert not any("Error Code" in line for line in errors)
