"""The commands on models that a real Triton serves, from repositories as `triton` writes them."""

import json

import numpy as np
import pytest

import dynanoise_export
from dynanoise_export import DynaNoise, KeptLabel
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.train_target import train_target
from support.triton_server import triton_server

NOISES = ("random", "input", "keyed")
ROWS = 800


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a trained model and its rows."""
    made = tmp_path_factory.mktemp("triton")
    train_target("digits-mlp", made / "model.pt", made / "rows.npz", options=ExperimentOptions(rows=ROWS))
    return made


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    """Give a server with the model behind each noise source, two instances of each."""
    for noise in NOISES:
        file = folder / f"{noise}.onnx"
        # With a finer grid, more of these few queries have noise of their own for the audit.
        grids = (0.05,) if noise == "keyed" else ()
        defence = KeptLabel(DynaNoise(2, 2, 5))
        dynanoise_export.export(folder / "model.pt", file, defence=defence, noise=noise, grids=grids)
        dynanoise_export.write_triton_repository(file, folder / "models", backend="python", instances=2)
    with triton_server(folder / "models", tmp_path_factory.mktemp("server")) as started:
        yield started


def url(server, scheme, model):
    return f"{scheme}://{server.http if scheme == 'http' else server.grpc}/{model}"


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_validate_passes_through_the_server(program, folder, server, noise, scheme):
    key = ["--key-file", folder / "keyed.onnx.key"] if noise == "keyed" else []
    reference = ["--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    ended = program("validate", url(server, scheme, noise), *reference, *key, "--json", folder / "report.json")
    assert ended.status == 0, ended.out
    report = json.loads((folder / "report.json").read_text())
    assert report["subject"]["parameters"] == {"sigma0": 2, "lambda": 2, "temperature": 5}
    unmet = {check["code"] for check in report["checks"] if not check["passed"]}
    assert unmet <= {"graph-seen", "generator", "noise-shared"}
    assert ("generator" in unmet) == (noise == "random")


def test_validate_fails_if_the_server_has_another_model_than_the_reference(program, folder, server):
    options = ExperimentOptions(rows=ROWS, seed=1)
    train_target("digits-mlp", folder / "other.pt", folder / "other.npz", options=options)
    reference = ["--reference", folder / "other.pt", "--data", folder / "rows.npz"]
    assert program("validate", url(server, "http", "input"), *reference).status == 3


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_attack_finds_the_same_on_the_server_as_on_the_file(program, folder, server, tmp_path, scheme):
    arguments = ["--data", folder / "rows.npz", "--reference", folder / "model.pt", "--queries", 1, "--queries", 4]
    on_server, on_file = tmp_path / "server.json", tmp_path / "file.json"
    assert program("attack", url(server, scheme, "keyed"), *arguments, "--json", on_server).status == 0
    assert program("attack", folder / "keyed.onnx", *arguments, "--json", on_file).status == 0
    one, other = (json.loads(path.read_text()) for path in (on_server, on_file))
    assert one["subject"]["sha256"] == other["subject"]["sha256"]
    assert one["keep_label"]
    for name in ("accuracy_defended", "accuracy_plain", "label_flips", "calibration_error_defended"):
        assert one["utility"][name] == pytest.approx(other["utility"][name], abs=1e-6)
    # Keyed noise is the same in both; one or two of a thousand queries may lie on the edge of a cell.
    aucs = [{(a["code"], a["attacker"]): a["auc"] for a in report["attacks"]} for report in (one, other)]
    assert aucs[0] == pytest.approx(aucs[1], abs=0.01)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_loaded_model_on_the_server_answers_as_the_file(folder, server, scheme):
    x = np.load(folder / "rows.npz")["x"]
    with dynanoise_export.load(folder / "keyed.onnx") as model:
        expected = model.predict(x)
    with dynanoise_export.load(url(server, scheme, "keyed")) as model:
        np.testing.assert_allclose(model.predict(x), expected, atol=1e-6)  # more rows than the server takes at once


def test_bench_times_the_server(program, server, tmp_path):
    arguments = ["--batch", 1, "--batch", 100, "--pairs", 10, "--json", tmp_path / "bench.json"]
    assert program("bench", url(server, "grpc", "keyed"), *arguments).status == 0
    runs = json.loads((tmp_path / "bench.json").read_text())["runs"]
    assert [run["batch"] for run in runs] == [1, 100]
    assert all(run["ratio"] is None and run["defended_ms"]["p50"] > 0 for run in runs)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_wrong_name_is_refused_with_the_models_of_the_server(program, folder, server, scheme):
    ended = program("attack", url(server, scheme, "radnom"), "--data", folder / "rows.npz")
    assert ended.status == 2
    assert "'radnom'" in ended.err
    assert "input, keyed, random" in ended.err


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_missing_version_is_refused(program, folder, server, scheme):
    where = url(server, scheme, "keyed/versions/7")
    ended = program("attack", where, "--data", folder / "rows.npz")
    assert ended.status == 2
    assert where in ended.err
    assert len(ended.err.splitlines()) == 1


def test_validate_of_keyed_noise_on_a_server_needs_the_key(program, folder, server):
    reference = ["--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    ended = program("validate", url(server, "http", "keyed"), *reference)
    assert ended.status == 2
    assert "--key-file" in ended.err
