import json
from hashlib import sha256

import onnx
import pytest
import tensorrt_rtx as trt

from dynanoise_export.deployed.manifest import manifest_beside, read_manifest
from dynanoise_export.deployment.tensorrt import compiling
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.graph.files import read_model
from dynanoise_export.noise.keyed.key import key_beside, read_key
from dynanoise_export.noise.strength import JUDGEMENTS, Life
from dynanoise_export.parameters import NoiseSource, Precision
from dynanoise_export.runtimes.tensorrt.backend import Backend
from support.graphs import HEAD, LAMBDA, SIGMA0, TEMPERATURE
from support.plans import compiled, write_defended, write_plain


@pytest.fixture
def out(tmp_path):
    """Give a path in a folder of its own, which must stay empty where nothing is to be written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "model.plan"


def refusal(path, out, **options):
    with pytest.raises(UserError) as refused:
        compiled(path, out, **options)
    assert not list(out.parent.iterdir())
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


@pytest.mark.parametrize("noise", NoiseSource)
def test_the_manifest_tells_of_what_the_plan_was_built(tmp_path, out, noise):
    path = write_defended(tmp_path, noise)
    made = compiled(path, out, profiles=("x:2x30:4x30:16x30",))
    assert {file.name for file in out.parent.iterdir()} == {"model.plan", "model.plan.json"}
    manifest = read_manifest(out)
    assert manifest == made.manifest
    assert manifest.plan_sha256 == sha256(out.read_bytes()).hexdigest()
    assert (manifest.source, manifest.source_sha256) == (path.name, sha256(path.read_bytes()).hexdigest())
    assert (manifest.backend, manifest.version) == (Backend.RTX, trt.__version__)
    assert manifest.profiles["x"] == ((2, 30), (4, 30), (16, 30))
    assert manifest.profiles.get("noise") == (((2, 10), (4, 10), (16, 10)) if noise is NoiseSource.INPUT else None)
    assert manifest.stated is not None
    assert manifest.stated.parameters == {"sigma0": SIGMA0, "lambda": LAMBDA, "temperature": TEMPERATURE}
    assert (manifest.classes, manifest.answers, manifest.precision) == (10, "probabilities", Precision.FP32)
    assert (manifest.read_back, manifest.version_compatible) == (False, False)
    assert manifest.runs_on("8.0")
    assert manifest.runs_on("12.0")
    assert not manifest.runs_on("7.5")


def test_a_plan_for_some_gpus_is_for_no_others(tmp_path, out):
    build = compiling.BuildOptions(Backend.RTX, compute_capabilities=("8.9",))
    manifest = compiled(write_defended(tmp_path), out, build=build).manifest
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
    half = compiled(path, tmp_path / "half.plan", precision=Precision.FP16).manifest
    assert half.precision is Precision.FP16
    assert half.inputs == compiled(path).manifest.inputs
    assert half.plan_sha256 != compiled(path).manifest.plan_sha256


def test_what_was_exported_in_float16_stays_so(tmp_path, out):
    path = tmp_path / "half.onnx"
    export(write_plain(tmp_path / "plain.onnx"), path, HEAD, ExportOptions(NoiseSource.INPUT, precision=Precision.FP16))
    assert compiled(path, tmp_path / "a.plan").manifest.precision is Precision.FP16
    assert compiled(path, tmp_path / "b.plan", precision=Precision.FP16).manifest.precision is Precision.FP16
    told = refusal(path, out, precision=Precision.FP32)
    assert told == f"{path}: the model was exported with --precision fp16: export it with fp32."


def test_dead_noise_is_refused_before_the_build_and_after_it(tmp_path, out, monkeypatch):
    path = write_defended(tmp_path, NoiseSource.RANDOM)
    told = refusal(path, out, allow_dead_noise=False)
    assert "its life in TensorRT-RTX is dead" in told
    assert "--noise keyed" in told
    assert "--allow-dead-noise" in told
    monkeypatch.setattr(compiling, "noise_warning", lambda *arguments, **options: None)
    assert "would start its noise from the constant 145" in refusal(path, out, allow_dead_noise=False)


def test_allowed_dead_noise_is_warned_of(tmp_path):
    assert "dead" in str(compiled(write_defended(tmp_path, NoiseSource.RANDOM)).warning)
    assert compiled(write_defended(tmp_path, NoiseSource.INPUT)).warning is None
    assert compiled(write_defended(tmp_path, NoiseSource.KEYED)).warning is None


def test_noise_of_which_nothing_is_known_is_warned_of(tmp_path):
    graph = compiling.open_file(write_defended(tmp_path, NoiseSource.RANDOM)).graph
    told = compiling.noise_warning(graph, Backend.TENSORRT, allow_dead=False)
    judged = next(j for j in JUDGEMENTS if j.endpoint == "TensorRT")
    assert judged.life is Life.UNKNOWN
    assert told is not None
    assert "its life in TensorRT is not known" in told
    assert judged.why in told


def test_the_graph_is_believed_and_not_what_it_states(tmp_path, out):
    path = write_defended(tmp_path, NoiseSource.RANDOM)
    model = onnx.load(path)
    next(entry for entry in model.metadata_props if entry.key == "dynanoise.noise").value = "keyed"
    onnx.save(model, path)
    assert "is random" in refusal(path, out, allow_dead_noise=False)


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


@pytest.mark.parametrize(
    ("damage", "told"),
    [(leak, "does not cover every answer with noise: inspect tells what leaks"), (forget, "states no defence")],
)
def test_what_is_not_defended_is_refused(tmp_path, out, damage, told):
    path = damaged(write_defended(tmp_path), damage)
    assert told in refusal(path, out)


def test_an_undefended_file_is_refused(tmp_path, out):
    assert "states no defence: compile takes what export made" in refusal(write_plain(tmp_path / "plain.onnx"), out)


@pytest.mark.parametrize("content", [None, b"", b"no model", bytes(range(256))])
def test_what_is_no_model_is_refused(tmp_path, out, content):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    assert f"{path} is not an ONNX model, or is damaged" in refusal(path, out)


def test_a_file_that_is_cut_short_is_refused(tmp_path, out):
    path = write_defended(tmp_path)
    path.write_bytes(path.read_bytes()[:-1000])
    assert str(path) in refusal(path, out)


def test_an_operator_that_is_not_taken_is_named_with_the_file(tmp_path, out):
    path = tmp_path / "x.onnx"
    export(write_plain(tmp_path / "plain.onnx", "r = Bernoulli(h)"), path, HEAD, ExportOptions(NoiseSource.INPUT))
    told = refusal(path, out)
    assert told.startswith(f"{path}: TensorRT-RTX does not take the operator Bernoulli ")


def test_the_plan_of_before_stays_where_a_build_fails(tmp_path):
    path = write_defended(tmp_path)
    made = compiled(path)
    before = {file: file.read_bytes() for file in (made.path, manifest_beside(made.path))}
    with pytest.raises(UserError):
        compiled(path, profiles=("x:1x31:1x31:1x31",))
    assert {file: file.read_bytes() for file in before} == before


def test_an_output_that_can_t_be_written_is_told_first(tmp_path, out):
    path = write_defended(tmp_path)
    with pytest.raises(UserError, match="is missing or not writable"):
        compiled(path, tmp_path / "missing" / "x.plan")
    with pytest.raises(UserError, match="it is a folder"):
        compiled(path, out.parent)
    before = path.read_bytes()
    with pytest.raises(UserError, match="is the input itself"):
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
    assert json.loads(manifest_beside(out).read_text())["schema"] == "dynanoise-export/plan/1"
