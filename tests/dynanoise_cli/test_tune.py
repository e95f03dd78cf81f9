import json
import shlex

import numpy as np
import pytest

from dynanoise_export.inspecting import inspect
from support.audits import make_audit
from support.pages import Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with the files of an audit, whose model has a hostile name."""
    folder = tmp_path_factory.mktemp("tune")
    made = make_audit(folder, rows=400)
    np.save(folder / "logits.npy", made.logits)
    (folder / "plain.onnx").rename(folder / "<i>plain $(x).onnx")
    return folder


@pytest.fixture
def tune(program, folder, monkeypatch):
    """Give a function that tunes for the audit's model with further options."""
    monkeypatch.chdir(folder)

    def run(*options, plain="<i>plain $(x).onnx"):
        return program("tune", plain, "--data", "bundle.npz", "--shadows", "store", "--jobs", 1, *options)

    return run


def test_the_command_exports_the_recommended_setting(tune, program, tmp_path):
    reports = ("--json", tmp_path / "t.json", "--html", tmp_path / "t.html")
    ended = tune("--trials", 20, "--budget", 4, "--finalists", 1, *reports)
    assert ended.status == 0, ended.err
    document = json.loads((tmp_path / "t.json").read_text())
    assert document["schema"] == "dynanoise-export/tune/2"
    assert document["answer"] in " ".join(ended.out.split())
    setting = document["recommended"]["setting"]
    assert document["command"] in ended.out
    exported = program(*shlex.split(document["command"])[1:-1], tmp_path / "made.onnx")
    assert exported.status == 0, exported.err
    provenance = inspect(tmp_path / "made.onnx").provenance
    assert provenance.parameters == setting["parameters"]
    assert (provenance.noise, provenance.keep_label) == (setting["noise"], setting["keep_label"])
    page = Page(tmp_path / "t.html")
    assert "<i>plain" not in page.source.split("</title>")[1].split("<script")[0]
    assert document["answer"] in page.text
    assert document["command"] in page.text
    assert len(page.figures()) == 2


def test_variants_of_noise_grids_and_guards_are_finalists(tune, tmp_path):
    given = ("--noise", "keyed", "--noise", "random", "--grids", "0.5", "--grids", "0.5,1", "--guard", "box")
    ended = tune("--trials", 2, "--budget", 1, "--finalists", 1, *given, "--json", tmp_path / "t.json")
    assert ended.status == 0, ended.err
    assert "6 were finalists" in ended.out


def test_logits_alone_are_enough(tune, tmp_path):
    ended = tune("--trials", 3, "--json", tmp_path / "t.json", plain="logits.npy")
    assert ended.status == 0, ended.err
    document = json.loads((tmp_path / "t.json").read_text())
    assert document["subject"]["sha256"] is None
    assert not (tmp_path / "t.tuning").exists() or not list((tmp_path / "t.tuning").iterdir())


@pytest.mark.parametrize(
    "options",
    [
        ("--objective", "loss"), ("--trials", 0), ("--max-accuracy-drop", 2), ("--grids", "a,b"), ("--defence", "none"),
        ("--storage", "nothing://x"), ("--domain", "sea"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_ends_with_status_2_and_writes_nothing(tune, tmp_path, options):
    ended = tune(*options, "--json", tmp_path / "t.json")
    assert ended.status == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_sweep_writes_a_table_a_document_and_a_page(program, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    reports = ("--json", tmp_path / "s.json", "--html", tmp_path / "s.html")
    given = ("--vary", "base_variance=0.1,1", "--vary", "temperature", "--points", 3, "--budget", 4)
    ended = program("sweep", "logits.npy", "--data", "bundle.npz", "--shadows", "store", *given, *reports)
    assert ended.status == 0, ended.err
    document = json.loads((tmp_path / "s.json").read_text())
    assert [point["value"] for point in document["sweeps"]["base_variance"]] == [0.1, 1]
    assert len(document["sweeps"]["temperature"]) == 3
    assert len(Page(tmp_path / "s.html").figures()) == 2


@pytest.mark.parametrize("vary", ["temperature=a", "speed", "temperature=0"])
def test_a_sweep_over_what_is_no_parameter_is_refused(program, folder, tmp_path, monkeypatch, vary):
    monkeypatch.chdir(folder)
    ended = program("sweep", "logits.npy", "--data", "bundle.npz", "--vary", vary, "--json", tmp_path / "s.json")
    assert ended.status == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
