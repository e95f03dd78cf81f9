import json

import onnx_ir as ir
import pytest

from dynanoise_export.sources.open_source import open_source
from support.kserve import served
from support.program import imported


@pytest.fixture(scope="module")
def plain(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "plain.onnx"
    ir.save(open_source(checkpoint).to_onnx(None), path)
    return path


@pytest.fixture
def defended(program, plain, tmp_path):
    path = tmp_path / "defended.onnx"
    assert program(plain, "-o", path).status == 0
    return path


def test_help_imports_nothing_heavy():
    heavy = ["torch", "onnxruntime", "onnx", "onnx_ir", "tensorrt", "tensorrt_rtx", "tritonclient", "plotly", "scipy"]
    written, seen = imported("dynanoise_cli.app", ["bench", "--help"], heavy)
    assert "--against" in written
    assert seen == []


def test_it_measures_without_pytorch(defended):
    arguments = ["bench", defended, "--batch", 1, "--pairs", 10]
    written, seen = imported("dynanoise_cli.app", arguments, ["torch", "transformers"])
    assert written.startswith("cpu: ")
    assert seen == []


def test_it_measures_what_the_defence_costs(program, defended, plain, tmp_path):
    arguments = ["--batch", 1, "--batch", 16, "--pairs", 10, "--threads", 1, "--against", plain]
    ended = program("bench", defended, *arguments, "--json", tmp_path / "b.json", "--html", tmp_path / "b.html")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("cpu: ")
    document = json.loads((tmp_path / "b.json").read_text())
    assert [run["batch"] for run in document["runs"]] == [1, 16]
    assert document["schema"] == "dynanoise-export/bench/2"
    assert (document["defence"], document["noise"], document["passed"]) == ("dynanoise", "random", True)
    assert document["against"] == str(plain)
    for run in document["runs"]:
        assert run["ratio_ci"][0] <= run["ratio"] <= run["ratio_ci"][1]
        assert run["plain_ms"]["p50"] > 0
    assert "defended.onnx" in (tmp_path / "b.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.html", "b.json", "defended.onnx"]


def test_a_model_on_a_server_is_timed_alone_or_against_another(program, defended, plain):
    arguments = ["--batch", 2, "--pairs", 10, "--json", "-"]
    with served(defended) as guarded, served(plain) as bare:
        alone = json.loads(program("bench", guarded.url, *arguments).out)
        compared = json.loads(program("bench", guarded.url, "--against", bare.url, *arguments).out)
        refused = program("bench", guarded.url, "--against", plain, *arguments)
    assert (alone["subject"]["path"], alone["against"]) == (guarded.url, None)
    (run,) = alone["runs"]
    assert (run["provider"], run["ratio"], run["plain_ms"], run["transfers"]) == (None, None, None, True)
    assert run["defended_calls"] >= 10
    assert compared["against"] == bare.url
    assert compared["runs"][0]["ratio"] > 0
    assert refused.status == 2
    assert "--against" in refused.err


def test_json_on_standard_output_stands_alone(program, defended):
    ended = program("bench", defended, "--batch", 1, "--pairs", 10, "--json", "-")
    assert json.loads(ended.out)["schema"] == "dynanoise-export/bench/2"
    assert ended.err.startswith("cpu: ")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["plain.onnx"], "--against"),
        (["missing.onnx"], "missing.onnx"),
        (["damaged.onnx"], "damaged.onnx"),
        (["empty.onnx"], "empty.onnx"),
        (["defended.onnx", "--against", "missing.pt"], "missing.pt"),
        (["defended.onnx", "--against", "damaged.onnx"], "damaged.onnx"),
        (["defended.onnx", "--against", "defended.onnx"], "defended.onnx"),
        (["defended.onnx", "--provider", "cuda"], "CUDAExecutionProvider"),
        (["defended.onnx", "--provider", "tensorrt"], "TensorrtExecutionProvider"),
        (["defended.onnx", "--tf32"], "TF32"),
        (["defended.onnx", "--provider", "cuda", "--cuda-graph"], "CUDA graph"),
        (["defended.onnx", "--json", "missing/b.json"], "b.json"),
        (["defended.onnx", "--html", "missing/b.html"], "b.html"),
    ],
)
def test_what_can_t_be_used_is_one_sentence(program, defended, plain, monkeypatch, arguments, named):
    folder = defended.parent
    (folder / "plain.onnx").write_bytes(plain.read_bytes())
    (folder / "damaged.onnx").write_bytes(defended.read_bytes()[:1000])
    (folder / "empty.onnx").write_bytes(b"")
    before = sorted(folder.iterdir())
    monkeypatch.chdir(folder)
    ended = program("bench", *arguments, "--pairs", 10)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1, ended.err
    assert named in ended.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [["--batch", 0], ["--pairs", 9], ["--threads", 0], ["--provider", "tpu"]])
def test_a_wrong_option_is_a_usage_error(program, defended, arguments):
    assert program("bench", defended, *arguments).status == 2
