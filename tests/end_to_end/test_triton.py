"""The commands on models that a real Triton serves, from repositories as `triton` writes them."""

import json

import numpy as np
import pytest

import dynanoise_export
from dynanoise_models.experiments import Choices
from dynanoise_models.making import train_target
from support.triton_server import triton_server

NOISES = ("random", "input", "keyed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a trained model and its rows."""
    made = tmp_path_factory.mktemp("triton")
    train_target("digits-mlp", made / "model.pt", made / "rows.npz", Choices(rows=800))
    return made


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    """Give a server with the model behind each kind of noise, two instances of each."""
    from dynanoise_export.defences.dynanoise import DynaNoise
    from dynanoise_export.deployment.triton.repository import make_repository
    from dynanoise_export.deployment.triton.serving import Wanted
    from dynanoise_export.deployment.triton.triton_backend import Backend
    from dynanoise_export.exporting import ExportOptions, export
    from dynanoise_export.parameters import NoiseSource, Parameters

    for noise in NOISES:
        file = folder / f"{noise}.onnx"
        # The finer the grid, the more of so few queries have noise of their own to be audited.
        options = ExportOptions(NoiseSource(noise), grids=(0.05,))
        export(folder / "model.pt", file, DynaNoise(Parameters(2, 2, 5), keep_label=True), options)
        make_repository(file, folder / "models", Wanted(backend=Backend.PYTHON, instances=2))
    with triton_server(folder / "models", tmp_path_factory.mktemp("server")) as started:
        yield started


def url(server, scheme, model):
    return f"{scheme}://{server.http if scheme == 'http' else server.grpc}/{model}"


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_validate_passes_through_the_server(program, folder, server, noise, scheme):
    key = ["--key-file", folder / "keyed.onnx.key"] if noise == "keyed" else []
    reference = ["--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    ended = program("validate", url(server, scheme, noise), *reference, *key, "--json", folder / "seen.json")
    assert ended.status == 0, ended.out
    seen = json.loads((folder / "seen.json").read_text())
    assert seen["subject"]["parameters"] == {"sigma0": 2, "lambda": 2, "temperature": 5}
    unmet = {check["name"] for check in seen["checks"] if not check["passed"]}
    assert unmet <= {"graph seen", "generator", "noise shared"}
    assert ("generator" in unmet) == (noise == "random")


def test_validate_sees_a_server_that_has_another_model_than_the_reference(program, folder, server):
    train_target("digits-mlp", folder / "other.pt", folder / "other.npz", Choices(rows=800, seed=1))
    reference = ["--reference", folder / "other.pt", "--data", folder / "rows.npz"]
    assert program("validate", url(server, "http", "input"), *reference).status == 3


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_attack_gets_from_the_server_what_it_gets_from_the_file(program, folder, server, tmp_path, scheme):
    arguments = ["--data", folder / "rows.npz", "--reference", folder / "model.pt", "--queries", 1, "--queries", 4]
    over, file = tmp_path / "over.json", tmp_path / "file.json"
    assert program("attack", url(server, scheme, "keyed"), *arguments, "--json", over).status == 0
    assert program("attack", folder / "keyed.onnx", *arguments, "--json", file).status == 0
    one, other = (json.loads(path.read_text()) for path in (over, file))
    assert one["subject"]["sha256"] == other["subject"]["sha256"]
    assert one["keep_label"]
    for name in ("accuracy_defended", "accuracy_plain", "label_flips", "calibration_error_defended"):
        assert one["utility"][name] == pytest.approx(other["utility"][name], abs=1e-6)
    # Keyed noise is the same here and there; a query or two of a thousand may lie on the edge of a cell.
    aucs = [{(a["name"], a["attacker"]): a["auc"] for a in report["attacks"]} for report in (one, other)]
    assert aucs[0] == pytest.approx(aucs[1], abs=0.01)


def test_a_loaded_model_answers_from_the_server_too(folder, server):
    x = np.load(folder / "rows.npz")["x"]
    file = dynanoise_export.load(folder / "keyed.onnx").predict(x)
    for scheme in ("http", "grpc"):
        model = dynanoise_export.load(url(server, scheme, "keyed"))
        np.testing.assert_allclose(model.predict(x), file, atol=1e-6)  # more rows than the server takes at once


def test_bench_times_the_server(program, server, tmp_path):
    arguments = ["--batch", 1, "--batch", 100, "--pairs", 10, "--json", tmp_path / "bench.json"]
    assert program("bench", url(server, "grpc", "keyed"), *arguments).status == 0
    runs = json.loads((tmp_path / "bench.json").read_text())["runs"]
    assert [run["batch"] for run in runs] == [1, 100]
    assert all(run["ratio"] is None and run["defended_ms"]["p50"] > 0 for run in runs)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_another_model_is_told_with_those_that_are_there(program, folder, server, scheme):
    ended = program("attack", url(server, scheme, "radnom"), "--data", folder / "rows.npz")
    assert ended.status == 2
    assert "has no model 'radnom'; it has input, keyed, random." in ended.err


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_another_version_is_told(program, folder, server, scheme):
    ended = program("attack", url(server, scheme, "keyed/versions/7"), "--data", folder / "rows.npz")
    assert ended.status == 2
    assert "is not ready, or not there" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_key_of_another_file_is_told(program, folder, server):
    reference = ["--reference", folder / "model.pt", "--data", folder / "rows.npz"]
    ended = program("validate", url(server, "http", "keyed"), *reference)
    assert ended.status == 2
    assert "is keyed: give its key with --key-file" in ended.err
