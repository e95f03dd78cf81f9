import json
from hashlib import sha256

import onnx
import pytest
import tensorrt_rtx as trt

from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.manifest import manifest_beside, read_manifest
from dynanoise_export.deployment.tensorrt import compiling
from dynanoise_export.deployment.tensorrt.dead_noise import noise_warning
from dynanoise_export.errors import (
    DefenceError,
    FileAccessError,
    NoiseError,
    UnsupportedModelError,
    UsageError,
    UserError,
)
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.noise.keyed.key import key_beside, read_key
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Life, Where, judgement
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.types import Precision
from support.graphs import DEFENCE, LAMBDA, SIGMA0, TEMPERATURE
from support.plans import compiled, write_defended, write_plain


@pytest.fixture
def out(tmp_path):
    """Give a path in a folder of its own, which must stay empty if nothing is written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "model.plan"


def refusal(kind, path, out, **options):
    """Compile what can't be compiled; check that one sentence says why and nothing was written, and return it."""
    with pytest.raises(kind) as refused:
        compiled(path, out, **options)
    assert not list(out.parent.iterdir())
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


@pytest.mark.parametrize("noise", NoiseSource)
def test_the_manifest_records_how_the_plan_was_built(tmp_path, out, noise):
    path = write_defended(tmp_path, noise)
    made = compiled(path, out, profiles=("x:2x30:4x30:16x30",))
    assert {file.name for file in out.parent.iterdir()} == {"model.plan", "model.plan.json"}
    manifest = read_manifest(out)
    assert manifest == made.manifest
    assert manifest.plan_sha256 == sha256(out.read_bytes()).hexdigest()
    assert (manifest.source, manifest.source_sha256) == (path.name, sha256(path.read_bytes()).hexdigest())
    assert (manifest.backend, manifest.version) == (TensorRTBackend.RTX, trt.__version__)
    assert manifest.profiles["x"] == ((2, 30), (4, 30), (16, 30))
    assert manifest.profiles.get("noise") == (((2, 10), (4, 10), (16, 10)) if noise is NoiseSource.INPUT else None)
    assert manifest.provenance is not None
    assert manifest.provenance.parameters == {"sigma0": SIGMA0, "lambda": LAMBDA, "temperature": TEMPERATURE}
    assert (manifest.classes, manifest.answers, manifest.precision) == (10, "probabilities", Precision.FP32)
    assert (manifest.read_back, manifest.version_compatible) == (False, False)
    assert manifest.runs_on("8.0")
    assert manifest.runs_on("12.0")
    assert not manifest.runs_on("7.5")


def test_a_defence_without_noise_is_compiled(tmp_path, out):
    made = compiled(write_defended(tmp_path, None, defence=Temperature()), out, allow_dead_noise=False)
    manifest = read_manifest(out)
    assert manifest == made.manifest
    assert (made.warning, manifest.constant_seeds, manifest.noise_input) == (None, (), None)
    assert (manifest.provenance.defence, manifest.provenance.noise) == ("temperature", None)


def test_without_a_backend_the_installed_one_builds(tmp_path, out):
    assert compiled(write_defended(tmp_path), out, backend=None).manifest.backend is TensorRTBackend.RTX


@pytest.mark.parametrize("options", [{"backend": "openvino"}, {"precision": "int8"}, {"precision": ""}])
def test_an_unknown_choice_is_refused(tmp_path, out, options):
    assert repr(next(iter(options.values()))) in refusal(UsageError, write_defended(tmp_path), out, **options)


def test_progress_reports_the_steps_and_the_phases(tmp_path, out):
    steps = []
    path = write_defended(tmp_path)
    compiled(path, out, progress=steps.append)
    assert str(path) in steps[0].what
    assert "TensorRT-RTX" in steps[1].what
    assert {step.unit for step in steps[2:]} == {"steps"}


def test_a_plan_for_some_gpus_is_for_no_others(tmp_path, out):
    manifest = compiled(write_defended(tmp_path), out, compute_capabilities=("8.9",)).manifest
    assert [manifest.runs_on(gpu) for gpu in ("8.0", "8.9", "12.0")] == [False, True, False]


def test_the_key_is_in_no_manifest(tmp_path, out):
    path = write_defended(tmp_path)
    compiled(path, out)
    secret = key_beside(path).read_text().strip()
    text = manifest_beside(out).read_text()
    assert secret not in text
    assert read_key(key_beside(path)).fingerprint in text


@pytest.mark.parametrize("noise", NoiseSource)
@pytest.mark.parametrize("inline", [False, True])
def test_a_body_in_float16_makes_a_smaller_plan(tmp_path, noise, inline):
    path = write_defended(tmp_path, noise, inline=inline)
    half = compiled(path, tmp_path / "half.plan", precision="fp16").manifest
    assert half.precision is Precision.FP16
    assert half.inputs == compiled(path).manifest.inputs
    assert half.plan_sha256 != compiled(path).manifest.plan_sha256


def test_what_float16_can_t_hold_stays_in_float32(tmp_path, out):
    operations = "l = Constant<value_float = 10000000.0>()\n q = Mul(h, l)\n d = Div(q, l)\n r = Relu(d)"
    plain = write_plain(tmp_path / "plain.onnx", operations)
    export(plain, tmp_path / "defended.onnx", defence=DEFENCE, noise=NoiseSource.INPUT)
    check = compiled(tmp_path / "defended.onnx", out, precision="fp16").float16
    assert [node.operator for node in check.kept] == ["Mul", "Div"]
    assert check.made_up
    assert compiled(tmp_path / "defended.onnx").float16 is None


def test_a_model_that_float16_changes_is_not_compiled_in_it(tmp_path, out):
    operations = "l = Constant<value_float = 60000.0>()\n q = Add(h, l)\n d = Sub(q, l)\n r = Relu(d)"
    plain = write_plain(tmp_path / "plain.onnx", operations)
    export(plain, tmp_path / "defended.onnx", defence=DEFENCE, noise=NoiseSource.INPUT)
    assert "float16" in refusal(UnsupportedModelError, tmp_path / "defended.onnx", out, precision="fp16")


def test_a_file_exported_in_float16_stays_so(tmp_path, out):
    path = tmp_path / "half.onnx"
    plain = write_plain(tmp_path / "plain.onnx")
    export(plain, path, defence=DEFENCE, noise=NoiseSource.INPUT, precision=Precision.FP16)
    assert compiled(path, tmp_path / "a.plan").manifest.precision is Precision.FP16
    assert compiled(path, tmp_path / "b.plan", precision=Precision.FP16).manifest.precision is Precision.FP16
    assert str(path) in refusal(UsageError, path, out, precision=Precision.FP32)


def test_dead_noise_is_refused_before_the_build_and_after_it(tmp_path, out, monkeypatch):
    path = write_defended(tmp_path, NoiseSource.RANDOM)
    sentence = refusal(NoiseError, path, out, allow_dead_noise=False)
    assert judgement(NoiseSource.RANDOM, Where.TENSORRT_RTX).why in sentence
    assert "--noise keyed" in sentence
    assert "--allow-dead-noise" in sentence
    monkeypatch.setattr(compiling, "noise_warning", lambda *arguments, **options: None)
    assert " 145" in refusal(NoiseError, path, out, allow_dead_noise=False)


def test_allowed_dead_noise_gives_a_warning(tmp_path):
    assert "dead" in str(compiled(write_defended(tmp_path, NoiseSource.RANDOM)).warning)
    assert compiled(write_defended(tmp_path, NoiseSource.INPUT)).warning is None
    assert compiled(write_defended(tmp_path, NoiseSource.KEYED)).warning is None


def test_unknown_noise_gives_a_warning(tmp_path):
    graph = open_file(write_defended(tmp_path, NoiseSource.RANDOM)).graph
    warning = noise_warning(graph, TensorRTBackend.TENSORRT, allow_dead=False)
    judged = judgement(NoiseSource.RANDOM, Where.TENSORRT)
    assert judged.life is Life.UNKNOWN
    assert warning is not None
    assert judged.life in warning
    assert judged.why in warning


def test_the_graph_decides_and_not_what_the_file_states(tmp_path, out):
    path = write_defended(tmp_path, NoiseSource.RANDOM)
    model = onnx.load(path)
    next(entry for entry in model.metadata_props if entry.key == "dynanoise.noise").value = "keyed"
    onnx.save(model, path)
    with pytest.raises(NoiseError):
        noise_warning(open_file(path).graph, TensorRTBackend.RTX, allow_dead=False)
    refusal(DefenceError, path, out, allow_dead_noise=False)


def damaged(path, damage):
    model = onnx.load(path)
    damage(model)
    onnx.save(model, path)
    return path


def leak(model):
    hidden = model.graph.node[0].output[0]
    model.graph.output.append(onnx.helper.make_tensor_value_info(hidden, onnx.TensorProto.FLOAT, ["N", 40]))


def forget(model):
    del model.metadata_props[:]


@pytest.mark.parametrize("damage", [leak, forget])
def test_a_file_that_is_not_defended_is_refused(tmp_path, out, damage):
    path = damaged(write_defended(tmp_path), damage)
    assert str(path) in refusal(DefenceError, path, out)


def test_an_undefended_file_is_refused(tmp_path, out):
    path = write_plain(tmp_path / "plain.onnx")
    assert str(path) in refusal(DefenceError, path, out)


@pytest.mark.parametrize("content", [None, b"", b"no model", bytes(range(256))])
def test_a_file_that_is_not_a_model_is_refused(tmp_path, out, content):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    assert str(path) in refusal(UserError, path, out)


def test_a_file_that_is_cut_short_is_refused(tmp_path, out):
    path = write_defended(tmp_path)
    path.write_bytes(path.read_bytes()[:-1000])
    assert str(path) in refusal(UserError, path, out)


def test_an_unsupported_operator_is_named_with_the_file(tmp_path, out):
    path, plain = tmp_path / "x.onnx", tmp_path / "plain.onnx"
    export(
        write_plain(plain, "text = Cast <to = 8> (h) r = Cast <to = 1> (text)"), path, defence=DEFENCE, noise="input"
    )
    sentence = refusal(UnsupportedModelError, path, out)
    assert sentence.startswith(f"{path}: ")
    assert "Cast" in sentence


def test_the_previous_plan_stays_if_a_build_fails(tmp_path):
    path = write_defended(tmp_path)
    made = compiled(path)
    before = {file: file.read_bytes() for file in (made.path, manifest_beside(made.path))}
    with pytest.raises(UserError):
        compiled(path, profiles=("x:1x31:1x31:1x31",))
    assert {file: file.read_bytes() for file in before} == before


def test_an_output_that_can_t_be_written_is_refused_first(tmp_path, out):
    path = write_defended(tmp_path)
    with pytest.raises(FileAccessError, match=r"missing/x\.plan"):
        compiled(path, tmp_path / "missing" / "x.plan")
    with pytest.raises(FileAccessError, match=str(out.parent)):
        compiled(path, out.parent)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=str(path)):
        compiled(path, path)
    assert path.read_bytes() == before


def test_a_large_file_with_weights_beside_it_is_built(tmp_path, out):
    path = write_defended(tmp_path, NoiseSource.INPUT)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.data", size_threshold=256)
    assert read_model(path).graph.initializers
    for precision in Precision:
        assert compiled(path, out, precision=precision).manifest.precision is precision


def test_the_manifest_is_json(tmp_path, out):
    compiled(write_defended(tmp_path), out)
    assert json.loads(manifest_beside(out).read_text())["schema"] == "dynanoise-export/plan/2"
