from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dynanoise_export import export
from dynanoise_export.bundles import Part, load_bundle
from dynanoise_export.errors import DataError, FileAccessError, FormatError, UsageError
from dynanoise_models.experiments import ExperimentOptions, prepare
from dynanoise_models.protocols import Protocol
from dynanoise_models.targets import TARGETS
from dynanoise_models.train_target import train_target
from dynanoise_models.training.loop import EpochStep
from dynanoise_models.training.rows import Rows, predict
from support.exports import data_folder


def test_the_checkpoint_states_how_it_was_trained_and_on_which_rows(tmp_path):
    options = ExperimentOptions(rows=200, epochs=2, seed=5)
    trained = train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", options=options)
    stated = torch.load(tmp_path / "model.pt", weights_only=True)["training"]
    assert stated["settings"] == trained.settings.as_dict()
    assert (stated["protocol"], stated["seed"], stated["rows"], stated["epochs"]) == ("balanced", 5, 200, 2)
    assert stated["accuracy"] == trained.accuracy
    data = TARGETS["digits-mlp"].load(None)
    rows = load_bundle(tmp_path / "rows.npz", ["input"])
    for name, part in (("members", Part.MEMBER), ("non_members", Part.NON_MEMBER), ("auxiliary", Part.AUXILIARY)):
        np.testing.assert_array_equal(data.x[stated["split"][name].numpy()], rows.inputs["input"][rows.split == part])
    np.testing.assert_array_equal(rows.member, rows.split == Part.MEMBER)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tmp_path):
    def weights(seed):
        path = tmp_path / "model.pt"
        options = ExperimentOptions(rows=200, epochs=2, seed=seed)
        train_target("digits-mlp", path, tmp_path / "rows.npz", options=options)
        return torch.load(path, weights_only=True)["state_dict"]["0.weight"]

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_training_that_is_stopped_early_is_written_and_goes_on(tmp_path):
    path, bundle, options = tmp_path / "model.pt", tmp_path / "rows.npz", ExperimentOptions(rows=200, epochs=4)
    steps = []
    early = train_target(
        "digits-mlp", path, bundle, options=options, stopped=lambda: steps.append(0) or len(steps) == 7
    )
    assert 2 < early.epochs < 3
    assert not early.complete
    assert torch.load(path, weights_only=True)["training"]["epochs"] == early.epochs
    export(path, tmp_path / "defended.onnx")
    assert train_target("digits-mlp", path, bundle, options=options).complete


def test_the_progress_names_each_step_and_counts_the_epochs(tmp_path):
    steps = []
    options = ExperimentOptions(rows=200, epochs=3)
    train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", options=options, progress=steps.append)
    training = [step for step in steps if isinstance(step, EpochStep)]
    assert (training[-1].done, training[-1].total) == (3, 3)
    assert len({step.what for step in training}) == 1
    assert len({step.what for step in steps}) == 4


def test_a_target_overfits_so_that_there_is_something_to_attack(tmp_path):
    options = ExperimentOptions(rows=400)
    trained = train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", options=options)
    assert trained.accuracy["member"] == 1
    assert 0.8 < trained.accuracy["non-member"] < 0.99


def test_published_weights_are_unchanged_and_as_accurate_as_published(tmp_path):
    weights = data_folder() / "resnet_cifar10" / "resnet20-12fca82f.th"
    options = ExperimentOptions(protocol=Protocol.PUBLISHED, epochs=0, rows=4000, start_from=str(weights))
    trained = train_target("resnet20-cifar10", tmp_path / "model.pt", tmp_path / "rows", options=options)
    # 0.917 of 10,000 test images: for 2,000 drawn from them, five standard deviations are 0.031.
    assert trained.accuracy["non-member"] == pytest.approx(0.917, abs=0.031)
    assert trained.accuracy["member"] > 0.99


@pytest.fixture(scope="module")
def with_canaries(tmp_path_factory):
    """Give the path of a checkpoint of 400 rows with 40 canaries, beside its bundle, and what was measured."""
    path = tmp_path_factory.mktemp("canaries") / "model.pt"
    options = ExperimentOptions(rows=400, canaries=40, seed=2)
    return path, train_target("digits-mlp", path, path.with_suffix(".npz"), options=options)


def test_half_of_the_canaries_are_members_and_only_they_have_wrong_labels(with_canaries, tmp_path):
    path, trained = with_canaries
    rows = load_bundle(path.with_suffix(".npz"), ["input"])
    right = prepare("digits-mlp", ExperimentOptions(rows=400, seed=2))
    assert trained.canaries == 40
    assert [(rows.canary & (rows.split == part)).sum() for part in Part] == [20, 20, 0]
    np.testing.assert_array_equal(rows.y != right.rows.y, rows.canary)
    np.testing.assert_array_equal(rows.inputs["input"], right.rows.inputs["input"])
    assert right.canary is None


def test_a_target_knows_the_wrong_labels_of_the_members_alone(with_canaries):
    path, trained = with_canaries
    rows = load_bundle(path.with_suffix(".npz"), ["input"])
    module = TARGETS["digits-mlp"].make()
    module.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    right = predict(module, Rows(rows.inputs, rows.y), torch.device("cpu")).argmax(axis=1) == rows.y
    assert right[rows.canary & rows.member].mean() > 0.8
    assert right[rows.canary & ~rows.member].mean() < 0.3
    # What is stated leaves canaries out.
    assert trained.accuracy["non-member"] == pytest.approx(right[~rows.canary & (rows.split == Part.NON_MEMBER)].mean())


def test_a_training_that_goes_on_keeps_its_canaries(tmp_path):
    options = ExperimentOptions(rows=200, epochs=30, canaries=10)
    train_target("digits-mlp", tmp_path / "whole.pt", tmp_path / "whole.npz", options=options)
    steps, path, bundle = [], tmp_path / "model.pt", tmp_path / "rows.npz"
    train_target("digits-mlp", path, bundle, options=options, stopped=lambda: steps.append(0) or len(steps) == 50)
    early = load_bundle(bundle, ["input"])
    assert train_target("digits-mlp", path, bundle, options=options).complete
    whole, again = load_bundle(tmp_path / "whole.npz", ["input"]), load_bundle(bundle, ["input"])
    for other in (early, again):
        np.testing.assert_array_equal(other.canary, whole.canary)
        np.testing.assert_array_equal(other.y, whole.y)
    weights = [torch.load(one, weights_only=True)["state_dict"]["0.weight"] for one in (tmp_path / "whole.pt", path)]
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("target", "change", "kind", "named"),
    [
        ("vgg-cifar10", {}, UsageError, "digits-mlp"),
        ("digits-mlp", {"start_from": "nowhere.pt"}, FileAccessError, "nowhere.pt"),
        ("digits-mlp", {"protocol": Protocol.PUBLISHED}, DataError, "0 rows"),
        ("digits-mlp", {"rows": 5000}, UsageError, "1797"),
        ("digits-mlp", {"canaries": 7}, UsageError, "--canaries 7"),
        ("digits-mlp", {"canaries": -2}, UsageError, "--canaries -2"),
        ("digits-mlp", {"rows": 100, "canaries": 90}, UsageError, "88"),
        ("digits-mlp", {"epochs": 0, "canaries": 10}, UsageError, "--epochs 0"),
        ("distilbert-sst2", {"start_from": "nowhere"}, FormatError, "nowhere"),
    ],
)
def test_a_target_that_can_not_be_trained_is_refused_and_nothing_written(
    tmp_path, folder, target, change, kind, named, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    options = replace(ExperimentOptions(data_dir=folder), **change)
    with pytest.raises(kind) as refused:
        train_target(target, tmp_path / "model.pt", tmp_path / "rows.npz", options=options)
    assert named in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    options = ExperimentOptions(start_from=str(tmp_path / "other.pt"))
    with pytest.raises(FormatError, match=r"other\.pt"):
        train_target("digits-mlp", tmp_path / "x.pt", tmp_path / "x", options=options)


@pytest.mark.parametrize("name", ["cut.pt", "cut.safetensors"])
def test_a_damaged_file_of_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02}q\x00(X\x06")
    options = ExperimentOptions(start_from=str(tmp_path / name))
    with pytest.raises(FormatError, match=name):
        train_target("digits-mlp", tmp_path / "x.pt", tmp_path / "x", options=options)


def test_weights_can_be_in_safetensors(tmp_path):
    module = TARGETS["digits-mlp"].make()
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    options = ExperimentOptions(epochs=0, rows=100, start_from=str(tmp_path / "weights.safetensors"))
    train_target("digits-mlp", tmp_path / "x.pt", tmp_path / "x", options=options)
    for name, value in torch.load(tmp_path / "x.pt", weights_only=True)["state_dict"].items():
        assert torch.equal(value, module.state_dict()[name])


def test_an_encoder_of_another_kind_is_refused(tmp_path, folder, encoder):
    options = ExperimentOptions(data_dir=folder, start_from=str(encoder))
    with pytest.raises(UsageError, match="distilbert"):
        train_target("minilm-sst2", tmp_path / "x.pt", tmp_path / "x", options=options)


@pytest.mark.parametrize("path", ["precious", "precious/thesis.txt"])
def test_a_folder_or_file_that_is_not_a_bundle_is_not_replaced(tmp_path, path):
    (tmp_path / "precious").mkdir()
    (thesis := tmp_path / "precious" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=path):
        train_target("digits-mlp", tmp_path / "model.pt", tmp_path / path)
    assert thesis.read_text() == "years of work"
