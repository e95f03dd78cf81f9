"""Shadow models of a checkpoint: trained as it was, with nothing said twice."""

import shutil

import numpy as np
import pytest
import torch

from dynanoise_export.bundles import load_bundle
from dynanoise_export.errors import DataError, FormatError, UsageError, UserError
from dynanoise_export.shadow_stores import load_shadow_store
from dynanoise_models.checkpoint_training import training_of
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.protocols import Protocol
from dynanoise_models.train_target import train_target
from dynanoise_models.training.settings import DefenceName

OPTIONS = ExperimentOptions(Protocol.V1, seed=3, rows=200, epochs=2, defence=DefenceName.LABEL_SMOOTHING, canaries=20)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Give a folder with a checkpoint and its bundle."""
    folder = tmp_path_factory.mktemp("trained")
    train_target("digits-mlp", folder / "model.pt", folder / "model.bundle", options=OPTIONS)
    return folder


def test_a_checkpoint_says_how_it_was_trained(trained):
    read = training_of(trained / "model.pt")
    assert (read.target, read.options) == ("digits-mlp", OPTIONS)
    assert (read.settings.momentum, read.settings.batch) == (0.9, 64)  # of the paper's first version
    assert read.find_bundle(None) == trained / "model.bundle"


@pytest.mark.parametrize("beside", [True, False])
def test_the_command_takes_everything_from_the_checkpoint(trained, models_program, tmp_path, beside):
    shutil.copy(trained / "model.pt", tmp_path)
    if beside:
        shutil.copytree(trained / "model.bundle", tmp_path / "model.bundle")
    command = ["shadows", tmp_path / "model.pt", "-o", tmp_path / "store", "--count", 2, "--workers", 1, "--no-models"]
    ended = models_program(*command, "--seed", 3)
    assert ended.status == 0, ended.err
    record = load_shadow_store(tmp_path / "store").record
    assert record["settings"] == training_of(trained / "model.pt").settings.as_dict()
    assert (record["target"], record["seed"]) == ("digits-mlp", 3)
    bundle = tmp_path / ("model.bundle" if beside else "store/bundle")
    found, own = load_bundle(bundle, ["input"]), load_bundle(trained / "model.bundle", ["input"])
    np.testing.assert_array_equal(found.inputs["input"], own.inputs["input"])
    np.testing.assert_array_equal(found.y, own.y)
    np.testing.assert_array_equal(found.canary, own.canary)
    assert own.canary.sum() == 20


@pytest.mark.parametrize(
    "option",
    [
        ("--seed", 0),
        ("--epochs", 3),
        ("--rows", 100),
        ("--protocol", "balanced"),
        ("--defence", "none"),
        ("--canaries", 10),
        ("--binary",),
    ],
    ids=lambda option: option[0],
)
def test_an_option_that_contradicts_the_checkpoint_is_refused(trained, models_program, tmp_path, option):
    ended = models_program("shadows", trained / "model.pt", "-o", tmp_path / "store", "--count", 2, *option)
    assert ended.status == 2
    assert option[0] in ended.err
    assert not (tmp_path / "store").exists()


def test_the_bundle_of_another_model_is_refused(trained, tmp_path):
    train_target(
        "digits-mlp", tmp_path / "other.pt", tmp_path / "rows.npz", options=ExperimentOptions(rows=60, epochs=0)
    )
    with pytest.raises(DataError, match=r"rows\.npz"):
        training_of(trained / "model.pt").find_bundle(tmp_path / "rows.npz")
    with pytest.raises(UserError, match="nowhere"):
        training_of(trained / "model.pt").find_bundle(tmp_path / "nowhere")


def changed(trained, path, **training):
    content = torch.load(trained / "model.pt", weights_only=True)
    content["training"] |= training
    torch.save(content, path)
    return path


def test_a_training_that_was_stopped_is_refused(trained, tmp_path):
    with pytest.raises(UsageError, match="1 of 2 epochs"):
        training_of(changed(trained, tmp_path / "model.pt", epochs=1.0))


@pytest.mark.parametrize(
    "training",
    [{"seed": "3"}, {"settings": {"epochs": 2}}, {"settings": []}, {"protocol": "another"}, {"epochs": None}],
)
def test_a_damaged_record_is_refused(trained, tmp_path, training):
    with pytest.raises(FormatError, match=r"model\.pt"):
        training_of(changed(trained, tmp_path / "model.pt", **training))


def test_another_file_is_no_checkpoint(tmp_path, models_program):
    (tmp_path / "model.pt").write_bytes(b"PK")
    ended = models_program("shadows", tmp_path / "model.pt", "-o", tmp_path / "store", "--count", 2)
    assert ended.status == 2
    assert "Traceback" not in ended.err
