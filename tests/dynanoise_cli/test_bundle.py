import csv
import json

import numpy as np
import pytest

from dynanoise_export.bundles import Bundle, Part
from support.blobs import Blobs
from support.program import imported

BLOBS = Blobs.drawn(4)
NAMES = ("age", "height", "pulse", "sugar")
CLASSES = ("cold", "flu", "well")
HEAVY = ["torch", "onnxruntime", "onnx", "onnx_ir", "scipy", "transformers", "PIL", "pyarrow", "sklearn"]


def write_csv(path, x, **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *NAMES])
        writer.writerows(zip(*columns.values(), *x.T, strict=True))
    return path


@pytest.fixture
def patients(tmp_path):
    """Give a table of 60 patients with a diagnosis, and whether each was in training."""
    x, y = BLOBS.rows(60)
    diagnosis = [CLASSES[label] for label in y]
    training = ["yes", "no"] * 30
    return write_csv(tmp_path / "patients.csv", x, patient=np.arange(60) // 2, diagnosis=diagnosis, training=training)


@pytest.fixture
def model(tmp_path):
    return BLOBS.model(tmp_path / "model.onnx")


def test_help_imports_nothing_heavy():
    written, seen = imported("dynanoise_cli.app", ["bundle", "--help"], HEAVY)
    assert "--members" in written
    assert seen == []


def test_a_table_becomes_a_bundle_that_the_model_knows(program, patients, model, tmp_path):
    out, report = tmp_path / "rows.npz", tmp_path / "report.json"
    columns = ("--label", "diagnosis", "--member", "training", "--group", "patient")
    ended = program("bundle", patients, *columns, "--model", model, "-o", out, "--json", report)
    assert ended.status == 0, ended.err
    for word in (str(out), "2 = well", "accuracy", "30 non-members are too few"):
        assert word in ended.out
    bundle = Bundle.load(out)
    np.testing.assert_allclose(bundle.inputs["x"], BLOBS.rows(60)[0], rtol=1e-6)
    assert bundle.inputs["x"].dtype == np.float32
    assert bundle.y.tolist() == BLOBS.rows(60)[1].tolist()
    assert bundle.member.tolist() == [True, False] * 30
    assert bundle.group.tolist() == [str(row // 2) for row in range(60)]
    assert bundle.classes == CLASSES
    document = json.loads(report.read_text())
    assert document["schema"] == "dynanoise-export/bundle/2"
    assert document["subject"]["path"] == str(out)
    assert (document["members"], document["non_members"], document["auxiliary"]) == (30, 30, 0)
    assert document["groups"] == 30
    assert document["classes"] == [{"label": i, "name": name, "rows": 20} for i, name in enumerate(CLASSES)]
    assert document["accuracy"]["members"] > 0.95
    assert document["accuracy"]["problem"] is None
    assert [warning["code"] for warning in document["warnings"]] == ["too-few-non-members"]


def test_tables_for_each_part_become_a_bundle_without_a_model(program, tmp_path):
    x, y = BLOBS.rows(60)
    for name, rows in (("train", slice(0, 30)), ("test", slice(30, 50)), ("other", slice(50, 60))):
        write_csv(tmp_path / f"{name}.csv", x[rows], y=y[rows])
    files = [tmp_path / f"{name}.csv" for name in ("train", "test", "other")]
    options = ["--members", files[0], "--non-members", files[1], "--auxiliary", files[2], "--label", "y"]
    ended = program("bundle", *options, "-o", tmp_path / "rows", "--json", "-")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["warnings"][0]["code"] == "not-checked"
    bundle = Bundle.load(tmp_path / "rows")
    assert bundle.split.tolist() == [Part.MEMBER] * 30 + [Part.NON_MEMBER] * 20 + [Part.AUXILIARY] * 10
    assert bundle.y.tolist() == y.tolist()


def test_labels_that_count_from_one_are_refused_with_the_option_that_helps(program, model, tmp_path):
    x, y = BLOBS.rows(60)
    table = write_csv(tmp_path / "rows.csv", x, y=y + 1, member=[1, 0] * 30)
    arguments = ["bundle", table, "--label", "y", "--member", "member", "--model", model, "-o", tmp_path / "rows.npz"]
    refused = program(*arguments)
    assert refused.status == 2
    assert "--shift-labels -1" in refused.err
    assert not (tmp_path / "rows.npz").exists()
    assert program(*arguments, "--shift-labels", -1).status == 0
    assert Bundle.load(tmp_path / "rows.npz").y.tolist() == y.tolist()


def test_force_writes_what_the_answers_contradict(program, patients, model, tmp_path):
    out = tmp_path / "rows.npz"
    order = ["--classes", "flu,well,cold"]
    arguments = ["bundle", patients, "--label", "diagnosis", "--member", "training", "--columns", ",".join(NAMES)]
    refused = program(*arguments, *order, "--model", model, "-o", out)
    assert refused.status == 2
    assert "--classes" in refused.err
    assert not out.exists()
    ended = program(*arguments, *order, "--model", model, "-o", out, "--force", "--json", "-")
    assert ended.status == 0
    document = json.loads(ended.out)
    assert "answers-say-otherwise" in {warning["code"] for warning in document["warnings"]}
    assert document["accuracy"]["members"] < 0.1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["ROWS", "--members", "ROWS"],
        ["--members", "ROWS"],
        ["--members", "ROWS", "--non-members", "ROWS", "--member", "training"],
        ["ROWS", "--member", "training"],
        ["ROWS", "--label", "diagnosis"],
        ["ROWS", "--label", "absent", "--member", "training"],
        ["missing.csv", "--label", "diagnosis", "--member", "training"],
        ["ROWS", "--label", "diagnosis", "--member", "training", "--size", "3"],
        ["ROWS", "--label", "diagnosis", "--member", "training", "--text", "diagnosis"],
        ["ROWS", "--label", "diagnosis", "--member", "training", "--mean", "a"],
        ["ROWS", "--label", "diagnosis", "--member", "training", "--size", "1.5"],
        ["ROWS", "--label", "diagnosis", "--member", "training", "--model", "missing.onnx"],
        ["ROWS", "--label", "diagnosis", "--member", "training", "--json", "missing/report.json"],
        ["--members", "ROWS", "--non-members", "ROWS", "--label", "diagnosis", "--columns", "age"],
    ],
)
def test_what_can_not_become_a_bundle_is_one_sentence(program, patients, tmp_path, arguments):
    given = [patients if argument == "ROWS" else argument for argument in arguments]
    ended = program("bundle", *given, "-o", tmp_path / "rows.npz")
    assert ended.status == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "rows.npz").exists()


def test_it_runs_without_pytorch(patients, model, tmp_path):
    arguments = ["bundle", patients, "--label", "diagnosis", "--member", "training", "--columns", ",".join(NAMES)]
    _, seen = imported("dynanoise_cli.app", [*arguments, "--model", model, "-o", tmp_path / "rows.npz"], HEAVY)
    assert not {"torch", "transformers", "PIL", "pyarrow", "sklearn"} & set(seen)
