import json
import signal

import numpy as np
import pytest
import torch

from support.program import LIMIT, started, until


def test_it_writes_the_checkpoint_the_bundle_and_the_accuracy(models_program, tmp_path):
    report = tmp_path / "report.json"
    ended = models_program(
        "train", "digits-mlp", "-o", tmp_path / "model.pt", "--rows", 200, "--epochs", 3, "--json", report
    )
    assert ended.status == 0, ended.err
    document = json.loads(report.read_text())
    assert document["schema"] == "dynanoise-models/train/2"
    assert document["passed"]
    assert document["rows"] == {"member": 90, "non-member": 90, "auxiliary": 20}
    assert f"{document['accuracy']['member']:.4f}" in ended.out
    assert np.load(tmp_path / "model.bundle" / "x.npy").shape == (200, 64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.bundle", "model.pt", "report.json"]


def test_json_is_the_only_text_on_standard_output(models_program, tmp_path):
    ended = models_program(
        "train", "digits-mlp", "-o", tmp_path / "model.pt", "--rows", 200, "--epochs", 1, "--json", "-"
    )
    assert json.loads(ended.out)["target"] == "digits-mlp"
    assert "accuracy on member" in ended.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "digits-mlp", "-o", "nowhere/model.pt"], "nowhere/model.pt"),
        (["train", "digits-mlp", "-o", "m.pt", "--bundle", "nowhere/rows.npz"], "nowhere/rows.npz"),
        (["train", "digits-mlp", "-o", "m.pt", "--json", "nowhere/report.json"], "nowhere/report.json"),
        (["list", "--json", "nowhere/report.json"], "nowhere/report.json"),
        (["train", "vgg", "-o", "m.pt"], "'vgg'"),
        (["train", "digits-mlp", "-o", "m.pt", "--protocol", "other"], "'other'"),
        (["train", "digits-mlp", "-o", "m.pt", "--defence", "magic"], "'magic'"),
        (["train", "alexnet-cifar10", "-o", "m.pt", "--data-dir", "nowhere"], "--data-dir"),
        (["train", "digits-mlp", "-o", "m.pt", "--start-from", "m.pt"], "m.pt"),
        (["train", "digits-mlp", "-o", "m.pt", "--canaries", "7"], "--canaries 7"),
        (["train", "digits-mlp", "-o", "m.pt", "--canaries", "-2"], "--canaries -2"),
        (["train", "digits-mlp", "-o", "m.pt", "--canaries", "4000"], "--canaries 4000"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "4", "--canaries", "3"], "--canaries 3"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "5"], "--count 5"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "4", "--bundle", "b.npz"], "b.npz"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "4", "--backend", "slurm"], "'slurm'"),
    ],
)
def test_an_error_of_the_user_is_one_sentence_and_status_2(models_program, tmp_path, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    ended = models_program(*arguments)
    assert ended.status == 2
    assert named in ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())


def test_canaries_are_stated_and_marked_in_the_bundle(models_program, tmp_path):
    command = ["train", "digits-mlp", "-o", tmp_path / "m.pt", "--rows", 200, "--epochs", 1, "--canaries", 20]
    ended = models_program(*command, "--json", tmp_path / "report.json")
    assert ended.status == 0, ended.err
    assert json.loads((tmp_path / "report.json").read_text())["canaries"] == 20
    assert np.load(tmp_path / "m.bundle" / "canary.npy").sum() == 20
    assert "canaries" in ended.out
    assert not ended.err


@pytest.mark.parametrize("command", ["train", "shadows"])
def test_it_warns_of_label_smoothing_in_one_sentence(models_program, tmp_path, command):
    made = ["-o", tmp_path / "made", "--rows", 60, "--epochs", 1, "--defence", "label-smoothing"]
    options = ["--count", 2, "--workers", 1, "--no-models"] if command == "shadows" else []
    ended = models_program(command, "digits-mlp", *made, *options)
    assert ended.status == 0, ended.err
    assert len(ended.err.splitlines()) == 1
    assert "label-smoothing" in ended.err


def epochs_in(state):
    """Read how many epochs are in the state of a training that runs; the file is always whole."""
    return torch.load(state, weights_only=True)["epochs"] if state.exists() else 0


def test_ctrl_c_writes_what_was_trained_and_the_same_command_goes_on(tmp_path):
    made, state, report = tmp_path / "m.pt", tmp_path / "m.pt.training", tmp_path / "report.json"
    endless = ["train", "digits-mlp", "-o", made, "--json", report, "--epochs", 1_000_000]
    with started("dynanoise-models", *endless) as first:
        until(lambda: epochs_in(state) > 20, first)
        first.send_signal(signal.SIGINT)
        _, errors = first.communicate(timeout=LIMIT)
    assert first.returncode == 130, errors
    assert "Traceback" not in errors
    document = json.loads(report.read_text())
    assert 20 < document["epochs"] < 1_000_000
    assert not document["passed"]
    assert document["accuracy"]["member"] > 0.9
    assert made.exists()
    assert epochs_in(state) <= document["epochs"]

    with started("dynanoise-models", *endless) as again:
        until(lambda: epochs_in(state) > document["epochs"], again)
        again.send_signal(signal.SIGINT)
        again.communicate(timeout=LIMIT)
    assert again.returncode == 130


def test_ctrl_c_leaves_a_store_that_can_go_on(tmp_path):
    store = tmp_path / "store"
    command = ["shadows", "digits-mlp", "-o", store, "--count", 32, "--epochs", 100_000, "--workers", 1]
    with started("dynanoise-models", *command) as running:
        until((store / "store.json").exists, running)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=LIMIT)
    assert running.returncode == 130, errors
    assert str(store) in errors
    assert "Traceback" not in errors
