import json

import numpy as np
import pytest

from dynanoise_export import NoiseSource
from dynanoise_export.deployed.manifest import read_manifest
from dynanoise_export.runtimes.tensorrt.gpu import compute_capability
from support.plans import write_defended


@pytest.fixture
def out(tmp_path):
    """Give a path in a folder of its own, which must stay empty if nothing is to be written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "model.plan"


@pytest.fixture(scope="module", params=NoiseSource)
def defended(request, tmp_path_factory):
    return write_defended(tmp_path_factory.mktemp("defended"), request.param)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    return write_defended(tmp_path_factory.mktemp("keyed"))


def test_a_plan_is_written_and_described(program, defended, out):
    ended = program("compile", defended, "-o", out, "--backend", "tensorrt-rtx", "--allow-dead-noise")
    assert ended.status == 0, ended.err
    assert {file.name for file in out.parent.iterdir()} == {"model.plan", "model.plan.json"}
    rows = dict(line.split(maxsplit=1) for line in ended.out.splitlines() if line[0] != " ")
    assert list(rows) == ["written", "source", "built", "runs", "profiles", "precision", "noise", "seeds", "sha256"]
    assert "model.plan.json" in rows["written"]
    assert all(shape in rows["profiles"] for shape in ("x:", "1x30", "8x30", "256x30"))
    assert all(text in rows["runs"] for text in ("8.0", "TensorRT-RTX 1.7"))
    assert rows["noise"].startswith(defended.stem)
    dead = defended.stem == NoiseSource.RANDOM
    assert (bool(ended.err), "CONSTANT" in rows["seeds"], "145" in rows["seeds"]) == (dead, dead, dead)


def test_json_on_standard_output_stands_alone(program, defended, out):
    ended = program("compile", defended, "-o", out, "--allow-dead-noise", "--precision", "fp16", "--json", "-")
    document = json.loads(ended.out)
    assert document["schema"] == "dynanoise-export/compile/2"
    assert document["subject"]["path"] == str(out)
    assert document["defence"] == "dynanoise"
    assert document["passed"] is (defended.stem != NoiseSource.RANDOM)
    assert (document["warning"] is not None) is (defended.stem == NoiseSource.RANDOM)
    manifest = json.loads(out.with_name("model.plan.json").read_text())
    assert document["manifest"] == {name: value for name, value in manifest.items() if name != "schema"}
    assert document["subject"]["sha256"] == manifest["plan_sha256"]
    assert manifest["precision"] == "fp16"


def test_the_options_reach_the_plan(program, keyed, out):
    ended = program("compile", keyed, "-o", out, "--profile", "x:2x30:2x30:4x30",
                    "--compute-capability", 8.9, "--compute-capability", "12.0")  # fmt: skip
    assert ended.status == 0, ended.err
    manifest = read_manifest(out)
    assert manifest.profiles == {"x": ((2, 30), (2, 30), (4, 30))}
    assert manifest.compute_capabilities == ("8.9", "12.0")
    assert "8.9, 12.0" in ended.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backend", "tensorrt"], "pip install 'dynanoise-export[tensorrt]'"),
        (["--profile", "x"], "--profile x"),
        (["--profile", "y:1x1:1x1:1x1"], "--profile y"),
        (["--compute-capability", "9.0"], "--compute-capability 9.0"),
        (["--timing-cache", "missing/timing"], "missing/timing"),
        (["--timing-cache", "timing"], "--timing-cache"),
        (["--version-compatible"], "--version-compatible"),
        (["--hardware-compatible"], "--hardware-compatible"),
        (["--json", "missing/report.json"], "missing/report.json"),
    ],
)
def test_a_bad_choice_is_one_sentence_and_status_2(program, keyed, out, arguments, named):
    refused(program("compile", keyed, "-o", out, *arguments), named, out)


def test_dead_noise_is_refused(program, tmp_path, out):
    path = write_defended(tmp_path, NoiseSource.RANDOM)
    refused(program("compile", path, "-o", out), "--noise keyed", out)


def test_the_report_can_t_take_the_manifest_s_place(program, keyed, out):
    ended = program("compile", keyed, "-o", out, "--json", out.with_name("model.plan.json"))
    refused(ended, "model.plan.json", out)


@pytest.mark.parametrize("command", ["validate", "attack"])
def test_without_a_gpu_the_other_commands_refuse_a_plan_in_one_sentence(program, keyed, out, tmp_path, command):
    if compute_capability() is not None:
        pytest.skip("there is a GPU")
    assert program("compile", keyed, "-o", out).status == 0
    generator = np.random.default_rng(0)
    rows = {"x": generator.standard_normal((400, 30), dtype=np.float32), "y": generator.integers(0, 10, 400)}
    np.savez(tmp_path / "rows.npz", **rows, member=np.arange(400) < 200)
    reference = ["--reference", keyed.with_name("plain.onnx")] if command == "validate" else []
    key = ["--key-file", f"{keyed}.key"] if command == "validate" else []
    ended = program(command, out, "--data", tmp_path / "rows.npz", *reference, *key)
    assert ended.status == 2
    assert str(out) in ended.err
    assert len(ended.err.splitlines()) == 1


def refused(ended, named, out):
    assert ended.status == 2
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert named in ended.err
    assert not list(out.parent.iterdir())
