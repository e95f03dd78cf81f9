import json
import signal

import numpy as np
import pytest
import torch

from support.program import started, until


def test_it_writes_the_checkpoint_the_bundle_and_the_accuracy(models_program, tmp_path):
    told = tmp_path / "told.json"
    ended = models_program(
        "train", "digits-mlp", "-o", tmp_path / "model.pt", "--rows", 200, "--epochs", 3, "--json", told
    )
    assert ended.status == 0, ended.err
    document = json.loads(told.read_text())
    assert document["schema"] == "dynanoise-models/train/1"
    assert document["passed"]
    assert document["rows"] == {"member": 90, "non-member": 90, "auxiliary": 20}
    assert f"{document['accuracy']['member']:.4f}" in ended.out
    assert np.load(tmp_path / "model.bundle" / "x.npy").shape == (200, 64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.bundle", "model.pt", "told.json"]


def test_json_on_standard_output_stands_there_alone(models_program, tmp_path):
    ended = models_program(
        "train", "digits-mlp", "-o", tmp_path / "model.pt", "--rows", 200, "--epochs", 1, "--json", "-"
    )
    assert json.loads(ended.out)["target"] == "digits-mlp"
    assert "accuracy on member" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "digits-mlp", "-o", "nowhere/model.pt"], "the folder nowhere is missing"),
        (["train", "digits-mlp", "-o", "m.pt", "--bundle", "nowhere/rows.npz"], "the folder nowhere is missing"),
        (["train", "vgg", "-o", "m.pt"], "There is no target 'vgg'"),
        (["train", "digits-mlp", "-o", "m.pt", "--protocol", "other"], "'other'"),
        (["train", "digits-mlp", "-o", "m.pt", "--defence", "magic"], "'magic'"),
        (["train", "alexnet-cifar10", "-o", "m.pt", "--data-dir", "nowhere"], "nowhere is no folder"),
        (["train", "digits-mlp", "-o", "m.pt", "--start-from", "m.pt"], "m.pt does not exist"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "5"], "--count 5: give an even number"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "4", "--bundle", "b.npz"], "b.npz does not exist"),
        (["shadows", "digits-mlp", "-o", "s", "--count", "4", "--backend", "slurm"], "'slurm'"),
    ],
)
def test_what_can_not_be_used_is_one_sentence_and_status_2(models_program, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    ended = models_program(*arguments)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())


def epochs_in(state):
    """Tell how many epochs are in the state of a training that is under way; the file is replaced as a whole."""
    return torch.load(state, weights_only=True)["epochs"] if state.exists() else 0


def test_ctrl_c_writes_what_was_trained_and_the_same_command_goes_on(tmp_path):
    made, state = tmp_path / "m.pt", tmp_path / "m.pt.training"
    endless = ["train", "digits-mlp", "-o", made, "--json", tmp_path / "told.json", "--epochs", 1_000_000]
    with started("dynanoise-models", *endless) as first:
        until(lambda: epochs_in(state) > 20)
        first.send_signal(signal.SIGINT)
        out, errors = first.communicate(timeout=120)
    assert first.returncode == 130, errors
    assert "the training was ended early" in out
    assert "Traceback" not in errors
    told = json.loads((tmp_path / "told.json").read_text())
    assert 20 < told["epochs"] < 1_000_000
    assert not told["passed"]
    assert told["accuracy"]["member"] > 0.9
    assert made.exists()
    assert epochs_in(state) <= told["epochs"]

    with started("dynanoise-models", *endless) as again:
        until(lambda: epochs_in(state) > told["epochs"])
        again.send_signal(signal.SIGINT)
        again.communicate(timeout=120)
    assert again.returncode == 130


def test_ctrl_c_leaves_a_store_that_can_go_on(tmp_path):
    store = tmp_path / "store"
    command = ["shadows", "digits-mlp", "-o", store, "--count", 32, "--epochs", 100_000, "--workers", 1]
    with started("dynanoise-models", *command) as running:
        until((store / "store.json").exists)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "Stopped; the same command goes on" in errors
    assert "Traceback" not in errors
