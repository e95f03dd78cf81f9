import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from dynanoise_export.errors import FormatError, ModelInputError, UnsupportedModelError, UntrustedCodeError
from support.exports import refusal
from support.hostile import Payload

transformers = pytest.importorskip("transformers")

from support.folders import TINY_TEXT, bert, distilbert, save, vit  # noqa: E402
from support.modules import seeded  # noqa: E402


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


def configure(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: bert(problem_type="multi_label_classification", num_labels=4), "multi-label"),
        (lambda: bert(problem_type="regression", num_labels=3), "regression"),
        (lambda: bert(num_labels=1), "one class"),
        (lambda: vit(num_labels=1), "one class"),
        (
            lambda: seeded(transformers.BertForTokenClassification, transformers.BertConfig(**TINY_TEXT)),
            "BertForTokenClassification",
        ),
        (lambda: seeded(transformers.BertModel, transformers.BertConfig(**TINY_TEXT)), "BertModel"),
        (
            lambda: seeded(transformers.BertForQuestionAnswering, transformers.BertConfig(**TINY_TEXT)),
            "BertForQuestionAnswering",
        ),
    ],
)
def test_a_model_that_is_not_a_single_label_classifier_is_refused(tmp_path, out, make, named):
    save(make(), tmp_path / "model")
    assert named in refusal(tmp_path / "model", out, UnsupportedModelError)


def test_a_classifier_that_was_never_trained_is_refused(tmp_path, out):
    save(seeded(transformers.BertModel, transformers.BertConfig(**TINY_TEXT)), tmp_path / "model")
    configure(tmp_path / "model", architectures=["BertForSequenceClassification"])
    assert "'classifier.bias'" in refusal(tmp_path / "model", out, UnsupportedModelError)


def test_a_classifier_of_another_size_is_refused(model, out):
    configure(model, id2label={str(i): str(i) for i in range(5)}, label2id={str(i): i for i in range(5)})
    refusal(model, out, FormatError)


def test_a_folder_that_needs_its_own_code_is_refused(model, out, tmp_path):
    (model / "own.py").write_text(f"open({str(tmp_path / 'payload')!r}, 'w')", encoding="utf-8")
    configure(model, auto_map={"AutoModelForSequenceClassification": "own.Model"})
    assert "auto_map" in refusal(model, out, UntrustedCodeError)
    assert not (tmp_path / "payload").exists()


def test_a_feature_extractor_that_needs_its_own_code_is_refused_without_a_question(tmp_path, out, monkeypatch):
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_length=64, num_mel_bins=32
    )
    save(seeded(transformers.ASTForAudioClassification, config), tmp_path / "model")
    (tmp_path / "model" / "own.py").write_text(f"open({str(tmp_path / 'payload')!r}, 'w')", encoding="utf-8")
    own = {"feature_extractor_type": "Own", "auto_map": {"AutoFeatureExtractor": "own.Own"}}
    (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps(own))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("the user was asked"))
    refusal(tmp_path / "model", out, ModelInputError)
    assert not (tmp_path / "payload").exists()


def test_an_audio_classifier_without_its_feature_extractor_is_refused(tmp_path, out):
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_length=64, num_mel_bins=32
    )
    save(seeded(transformers.ASTForAudioClassification, config), tmp_path / "model")
    assert "--input" in refusal(tmp_path / "model", out, ModelInputError)


def test_pickled_weights_are_refused_and_not_opened(model, out, tmp_path):
    (model / "model.safetensors").unlink()
    torch.save({"classifier.weight": Payload(tmp_path / "payload")}, model / "pytorch_model.bin")
    assert ".safetensors" in refusal(model, out, UntrustedCodeError)
    assert not (tmp_path / "payload").exists()


@pytest.mark.parametrize("size", [0, 5, 400, -10])
def test_weights_that_are_cut_short_are_refused(model, out, size):
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(whole[:size])
    refusal(model, out, FormatError)


def test_a_weight_that_is_missing_is_refused(model, out):
    weights = load_file(model / "model.safetensors")
    del weights["distilbert.transformer.layer.0.attention.q_lin.weight"]
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    assert "q_lin.weight" in refusal(model, out, UnsupportedModelError)


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        '{"architectures": null}',
        '{"architectures": "BertForSequenceClassification"}',
        '{"architectures": [5]}',
        '{"architectures": ["BertForSequenceClassification"]}',
        '{"architectures": ["BertForSequenceClassification"], "model_type": "no such thing"}',
        '{"architectures": ["BertForSequenceClassification"], "model_type": ["bert"]}',
        '{"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": "wide"}',
        '{"architectures": ["BertForSequenceClassification"], "model_type": "bert", "id2label": 7}',
    ],
)
def test_a_folder_without_a_usable_configuration_is_refused(model, out, config):
    if config is None:
        (model / "config.json").unlink()
    else:
        (model / "config.json").write_text(config)
    refusal(model, out)


@pytest.mark.parametrize("name", ["tokenizer_config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("text", ["{", "[]", '{"model_input_names": 5, "size": {"height": "tall"}}'])
def test_a_damaged_file_beside_the_model_is_refused(tmp_path, out, name, text):
    save(distilbert() if name.startswith("tokenizer") else vit(), tmp_path / "model")
    (tmp_path / "model" / name).write_text(text)
    refusal(tmp_path / "model", out)


def test_an_empty_folder_is_refused(tmp_path, out):
    (tmp_path / "model").mkdir()
    assert "config.json" in refusal(tmp_path / "model", out, FormatError)
