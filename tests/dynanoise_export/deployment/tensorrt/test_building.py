import pytest
import tensorrt_rtx as trt

from dynanoise_export.deployment.tensorrt import building
from dynanoise_export.deployment.tensorrt.building import BuildOptions, build_plan
from dynanoise_export.deployment.tensorrt.profiles import profiles_of
from dynanoise_export.errors import UserError
from dynanoise_export.graph.files import read_model
from dynanoise_export.runtimes.tensorrt.backend import Backend, require_backend
from dynanoise_export.runtimes.tensorrt.messages import errors_told
from dynanoise_export.sources.onnx_file import input_specs
from support.plans import write_defended, write_plain

RTX = BuildOptions(Backend.RTX)


def build(path, options=RTX, given=(), progress=lambda done, of, told: None):
    return build_plan(path, profiles_of(input_specs(read_model(path)), given), options, progress)


@pytest.fixture(scope="module")
def defended(tmp_path_factory):
    return write_defended(tmp_path_factory.mktemp("defended"))


def test_a_plan_is_built_and_nothing_is_printed(defended, capfd):
    plan = build(defended)
    assert len(plan) > 100_000  # the tables of the noise among it
    assert capfd.readouterr() == ("", "")


def test_the_same_file_gives_the_same_plan(defended):
    assert build(defended) == build(defended)


def test_the_compute_capabilities_that_are_asked_for_go_into_the_plan(defended):
    plans = [build(defended, BuildOptions(Backend.RTX, compute_capabilities=kinds))
             for kinds in ((), ("8.9",), ("8.9", "12.0"))]  # fmt: skip
    assert len(set(plans)) == 3


def test_phases_are_told_as_they_go(defended):
    told = []
    build(defended, progress=lambda *step: told.append(step))
    assert {name for _, _, name in told} >= {"Building engine", "Optimizing graph"}
    assert all(1 <= done <= of for done, of, _ in told)


def test_ctrl_c_ends_a_build(defended):
    told = []

    def press(done, of, name):
        told.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(defended, progress=press)
    assert len(told) < 10


@pytest.mark.parametrize(
    ("middle", "told"),
    [
        ("r = Bernoulli(h)", "does not take the operator Bernoulli (node without a name): export a model without it"),
        ("s = Cast<to=8>(h)\n r = Cast<to=1>(s)", "does not take the operator Cast"),
    ],
)
def test_an_operator_that_is_not_taken_is_named(tmp_path, middle, told):
    path = write_plain(tmp_path / "plain.onnx", middle)
    with pytest.raises(UserError) as refused:
        build(path)
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_the_operator_of_a_custom_domain_is_named(tmp_path):
    path = write_plain(tmp_path / "plain.onnx", "r = user.Mystery(h)")
    with pytest.raises(UserError, match=r"^TensorRT-RTX does not take the operator Mystery "):
        build(path)


def test_sizes_that_the_model_does_not_take_are_told(tmp_path):
    middle = "four = Constant<value = float[4,1] {1, 2, 3, 4}>()\n r = Add(h, four)"
    path = write_plain(tmp_path / "plain.onnx", middle)
    with pytest.raises(UserError, match=r"can't build a plan: .*; give the sizes that the model takes with --profile"):
        build(path)
    assert build(path, given=["x:4x30:4x30:4x30"])


@pytest.mark.parametrize("capability", ["9.0", "8", "89", "8.9.0", "x", "", "SM89"])
def test_a_compute_capability_that_is_none_is_told(defended, capability):
    with pytest.raises(UserError, match=r"is none that TensorRT-RTX builds for: 7\.5, 8\.0, 8\.6, 8\.9, "):
        build(defended, BuildOptions(Backend.RTX, compute_capabilities=(capability,)))


@pytest.mark.parametrize(
    ("backend", "options", "told"),
    [
        (Backend.RTX, {"timing_cache": "x"}, "--timing-cache is for TensorRT: "),
        (Backend.RTX, {"version_compatible": True}, "--version-compatible is for TensorRT: "),
        (Backend.RTX, {"hardware_compatible": True}, "--hardware-compatible is for TensorRT: "),
        (Backend.TENSORRT, {"compute_capabilities": ("8.9",)}, "--compute-capability is for TensorRT-RTX: "),
    ],
)
def test_an_option_of_the_other_backend_is_refused(backend, options, told):
    with pytest.raises(UserError, match=f"^{told}"):
        BuildOptions(backend, **options)


def test_tensorrt_builds_on_a_gpu(defended, monkeypatch):
    monkeypatch.setattr(building, "require_backend", lambda backend: trt)
    monkeypatch.setattr(building, "compute_capability", lambda: None)
    with pytest.raises(UserError, match=r"builds a plan on the GPU .* build with --backend tensorrt-rtx"):
        build(defended, BuildOptions(Backend.TENSORRT))


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning")
def test_what_is_asked_of_tensorrt_is_in_the_api_of_both(defended):
    """Full TensorRT is not at hand: its configuration is made with TensorRT-RTX's module, which has the same names."""
    require_backend(Backend.RTX)
    from polygraphy.backend.trt import create_network

    options = BuildOptions(Backend.TENSORRT, version_compatible=True, hardware_compatible=True)
    with errors_told() as told:
        builder, network = create_network(strongly_typed=True)
        building._parse(trt, defended, network, "TensorRT")
        config = building._config(trt, {"x": ((1, 30), (8, 30), (256, 30))}, options, None)(builder, network)
    assert config.get_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    assert config.num_optimization_profiles == 1
    assert not any("Error Code" in line for line in told)
