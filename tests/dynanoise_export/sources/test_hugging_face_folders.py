"""Folders in other forms than `save_pretrained` gives them."""

import json
import shutil

import onnx_ir as ir
import pytest
import torch

from dynanoise_export.errors import FormatError, UnsupportedModelError, UntrustedCodeError
from dynanoise_export.sources.open_source import open_source
from support.exports import assert_algorithm_1, defended, floats, refusal
from support.graphs import parse
from support.hostile import Payload

transformers = pytest.importorskip("transformers")

from support.folders import distilbert, save  # noqa: E402

LABELS = {"0": "calm", "1": "glad", "2": "sad"}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest") / "model"
    save(distilbert(num_labels=3), folder)
    return folder


@pytest.fixture
def model(honest, tmp_path):
    return shutil.copytree(honest, tmp_path / "model")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def pickled(folder, *, shards=1):
    """Put the weights of a folder into pickles, as transformers did before safetensors."""
    weights = open_source(folder).module.module.state_dict()
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(weights, folder / "pytorch_model.bin")
        return
    names = {name: f"pytorch_model-{i % shards + 1:05d}-of-{shards:05d}.bin" for i, name in enumerate(weights)}
    for file in set(names.values()):
        torch.save({name: weights[name] for name in names if names[name] == file}, folder / file)
    index = {"metadata": {}, "weight_map": names}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def same_answers(folder, other):
    ids = torch.arange(5, 25).reshape(4, 5)
    with torch.no_grad():
        answers = [open_source(path).module.module(input_ids=ids).logits for path in (folder, other)]
    torch.testing.assert_close(*answers)


def to_onnx(folder, name="model.onnx", **settings):
    """Put an ONNX model into a folder in place of the weights, as Optimum does."""
    (folder / "model.safetensors").unlink(missing_ok=True)
    graph = parse("g (float[batch, 3] x) => (float[batch, 3] logits) { logits = Neg(x) }")
    (folder / name).parent.mkdir(exist_ok=True)
    ir.save(graph, folder / name)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": LABELS} | settings))


@pytest.mark.parametrize("shards", [1, 2])
def test_pickled_weights_of_tensors_alone_are_opened(model, honest, shards):
    pickled(model, shards=shards)
    same_answers(model, honest)


def test_the_weights_in_safetensors_come_before_pickled_ones(model, honest, tmp_path):
    torch.save({"classifier.weight": Payload(tmp_path / "payload")}, model / "pytorch_model.bin")
    same_answers(model, honest)
    assert not (tmp_path / "payload").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_pickled_weights_with_code_are_refused_whatever_is_allowed(model, out, tmp_path, legacy):
    (model / "model.safetensors").unlink()
    weights = {"classifier.weight": Payload(tmp_path / "payload")}
    torch.save(weights, model / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
    assert ".safetensors" in refusal(model, out, UntrustedCodeError, allow_pickle=True)
    assert not (tmp_path / "payload").exists()


def test_weights_that_are_cut_short_are_refused(model, out):
    pickled(model)
    whole = (model / "pytorch_model.bin").read_bytes()
    (model / "pytorch_model.bin").write_bytes(whole[: len(whole) // 2])
    refusal(model, out, FormatError)


def test_weights_of_another_framework_are_refused(model, out):
    (model / "model.safetensors").rename(model / "tf_model.h5")
    assert "save_pretrained" in refusal(model, out, FormatError)


def test_an_adapter_is_refused(model, out):
    (model / "model.safetensors").rename(model / "adapter_model.safetensors")
    (model / "config.json").unlink()
    (model / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "x/y"}))
    assert "merge_and_unload" in refusal(model, out, UnsupportedModelError)


def test_the_onnx_model_of_a_folder_without_weights_is_opened_with_the_labels_of_the_folder(model, tmp_path):
    to_onnx(model)
    made = defended(model, tmp_path)
    assert made.exported.provenance.labels == ("calm", "glad", "sad")
    assert_algorithm_1(made, lambda inputs: -inputs["x"], floats(x=(3,)))


def test_the_onnx_model_may_lie_in_a_folder_of_its_own(model):
    to_onnx(model, "onnx/model.onnx")
    assert open_source(model).path == model / "onnx" / "model.onnx"


def test_several_onnx_models_are_refused(model, out):
    to_onnx(model)
    to_onnx(model, "model_quantized.onnx")
    assert "model_quantized.onnx" in refusal(model, out, UnsupportedModelError)


def test_an_onnx_model_of_several_labels_at_once_is_refused(model, out):
    to_onnx(model, problem_type="multi_label_classification")
    refusal(model, out, UnsupportedModelError)


def test_the_weights_for_pytorch_come_before_an_onnx_model(model, honest):
    shutil.copy(model / "model.safetensors", model / "kept")
    to_onnx(model)
    (model / "kept").rename(model / "model.safetensors")
    same_answers(model, honest)


def test_a_checkpoint_of_a_trainer_is_opened(model, honest, tmp_path):
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        torch.save({"state": Payload(tmp_path / "payload")}, model / name)
    (model / "trainer_state.json").write_text("{}")
    same_answers(model, honest)
    assert not (tmp_path / "payload").exists()


@pytest.mark.parametrize("place", ["checkpoint-20", "snapshots/0123abcd"])
def test_a_folder_of_models_is_refused_and_one_of_them_is_named(model, out, tmp_path, place):
    (tmp_path / "run" / place).parent.mkdir(parents=True)
    model.rename(tmp_path / "run" / place)
    assert place in refusal(tmp_path / "run", out, FormatError)


def test_a_folder_with_a_model_in_another_format_is_refused_and_the_file_is_named(model, out):
    to_onnx(model)
    (model / "config.json").unlink()
    assert "model.onnx" in refusal(model, out, FormatError)
