import json
import signal
import urllib.request

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export import DynaNoise, KeptLabel, Temperature, export
from dynanoise_export.playground import page_folder
from support.graphs import parse
from support.program import imported, started


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    ir.save(parse("g (float[n, 3] x) => (float[n, 3] z) { z = Neg (x) }"), path)
    return path


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.npz"
    np.savez(path, x=np.arange(12, dtype=np.float32).reshape(4, 3))
    return path


@pytest.fixture
def some_runtime(tmp_path, monkeypatch):
    monkeypatch.setattr(page_folder, "RUNTIME", tmp_path)


def test_help_imports_nothing_heavy():
    written, seen = imported("dynanoise_cli.app", ["playground", "--help"], ["torch", "onnxruntime", "onnx", "scipy"])
    assert "--open" in written
    assert seen == []


def test_it_writes_the_answers_of_a_model_to_rows_into_a_folder(program, model, rows, tmp_path, some_runtime):
    page = tmp_path / "page"
    assert program("playground", "--model", model, "--data", rows, "-o", page).status == 0
    content = json.loads((page / "playground.json").read_text())
    assert [query["logits"] for query in content["queries"]] == (-np.arange(12.0).reshape(4, 3)).tolist()
    assert (page / "index.html").is_file()


def test_it_begins_as_a_defended_model_is(program, model, tmp_path, some_runtime):
    export(model, tmp_path / "made.onnx", defence=KeptLabel(DynaNoise(3.0, 1.5, 4.0)), noise="keyed")
    page = tmp_path / "page"
    assert program("playground", tmp_path / "made.onnx", "-o", page).status == 0
    content = json.loads((page / "playground.json").read_text())
    assert content["beginning"] == {
        "parameters": {"sigma0": 3.0, "lambda": 1.5, "temperature": 4.0}, "noise": "keyed", "keepLabel": True
    }  # fmt: skip
    assert {len(query["logits"]) for query in content["queries"]} == {3}


def test_a_model_without_dynanoise_is_refused(program, model, tmp_path, some_runtime):
    export(model, tmp_path / "made.onnx", defence=Temperature())
    for other in (model, tmp_path / "made.onnx"):
        assert program("playground", other, "-o", tmp_path / "page").status == 2
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("given", [["--model", "model.onnx"], ["--data", "rows.npz"], ["-o", "."], ["--port", "x"]])
def test_what_makes_no_page_is_refused(program, model, rows, tmp_path, monkeypatch, some_runtime, given):
    monkeypatch.chdir(tmp_path)
    assert program("playground", "--no-open", *given).status == 2


def test_it_serves_until_ctrl_c():
    if not page_folder.RUNTIME.is_dir():
        pytest.skip("onnxruntime-web was out of reach when this was built")
    with started("dynanoise-export", "playground", "--no-open", "--port", 0) as process:
        address = next(word for word in process.stderr.readline().split() if word.startswith("http")).rstrip(";")
        with urllib.request.urlopen(f"{address}playground.json") as answer:
            assert len(json.load(answer)["heads"]) == 6
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert (process.returncode, process.stderr.read()) == (0, "")
