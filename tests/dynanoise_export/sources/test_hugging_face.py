import json

import numpy as np
import pytest
import torch

from dynanoise_export.sources.open_source import open_source
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, floats

transformers = pytest.importorskip("transformers")

from support.folders import TINY_TEXT, bert, distilbert, save, vit  # noqa: E402
from support.modules import seeded  # noqa: E402


def logits_of(model):
    def run(inputs):
        with torch.no_grad():
            return model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits.numpy()

    return run


def words(length, *, segments=False):
    """Draw sentences of up to `length` words, padded on the right."""

    def inputs_of(generator, rows):
        ids = generator.integers(5, 60, (rows, length))
        mask = (np.arange(length) < generator.integers(1, length + 1, (rows, 1))).astype(np.int64)
        inputs = {"input_ids": ids * mask, "attention_mask": mask}
        if segments:
            inputs["token_type_ids"] = generator.integers(0, 2, (rows, length))
        return inputs

    return inputs_of


def test_a_sequence_classifier_takes_any_batch_and_length(tmp_path):
    model = save(distilbert(num_labels=4), tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    assert made.shapes() == {
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "sequence"],
        "noise": ["batch", 4],
    }
    for length in (3, 17):
        assert_algorithm_1(made, logits_of(model), words(length))


@pytest.mark.parametrize("stated", [True, False], ids=["by the tokenizer", "by the model"])
def test_a_model_of_pairs_of_sentences_takes_token_types(tmp_path, stated):
    model = save(bert(num_labels=3), tmp_path / "model")
    if stated:
        names = ["input_ids", "token_type_ids", "attention_mask"]
        (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps({"model_input_names": names}))
    made = defended(tmp_path / "model", tmp_path)
    assert set(made.shapes()) == {"input_ids", "token_type_ids", "attention_mask", "noise"}
    assert_algorithm_1(made, logits_of(model), words(9, segments=True))


def test_inputs_of_the_tokenizer_that_the_model_does_not_take_are_left_out(tmp_path):
    model = save(distilbert(), tmp_path / "model")
    names = ["input_ids", "token_type_ids", "attention_mask"]  # of a tokenizer of BERT's
    (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps({"model_input_names": names}))
    made = defended(tmp_path / "model", tmp_path)
    assert set(made.shapes()) == {"input_ids", "attention_mask", "noise"}
    assert_algorithm_1(made, logits_of(model), words(5))


def test_a_decoder_uses_the_last_token_of_each_sentence(tmp_path):
    config = transformers.GPT2Config(
        vocab_size=60, n_positions=64, n_embd=16, n_layer=1, n_head=2, num_labels=3, pad_token_id=0
    )
    model = save(seeded(transformers.GPT2ForSequenceClassification, config), tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    for length in (4, 9):
        assert_algorithm_1(made, logits_of(model), words(length))


def test_roberta_computes_its_positions_from_the_padding(tmp_path):
    config = transformers.RobertaConfig(**TINY_TEXT | {"type_vocab_size": 1}, num_labels=3, pad_token_id=0)
    model = save(seeded(transformers.RobertaForSequenceClassification, config), tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    assert set(made.shapes()) == {"input_ids", "attention_mask", "noise"}
    assert_algorithm_1(made, logits_of(model), words(7))


def test_an_image_classifier_takes_the_size_of_its_processor(tmp_path):
    model = save(vit(num_labels=6), tmp_path / "model")
    processor = {"do_resize": True, "size": {"height": 32, "width": 32}, "image_processor_type": "ViTImageProcessor"}
    (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps(processor))
    made = defended(tmp_path / "model", tmp_path)
    assert made.exported.source.inputs == (TensorSpec("pixel_values", "float32", ("batch", 3, 32, 32)),)
    assert_algorithm_1(made, logits_of(model), floats(pixel_values=(3, 32, 32)))


@pytest.mark.parametrize(
    ("processor", "sides"),
    [
        (None, (32, 32)),
        ({"size": {"height": 24, "width": 40}}, (24, 40)),
        ({"size": {"shortest_edge": 48}, "crop_size": {"height": 40, "width": 40}, "do_center_crop": True}, (40, 40)),
        ({"size": {"shortest_edge": 48}, "crop_size": 40, "do_center_crop": True}, (40, 40)),
        ({"size": {"shortest_edge": 48}}, (48, 48)),
        ({"size": 64}, (64, 64)),
        ({"size": [64, 48]}, (64, 48)),
    ],
)
def test_the_size_of_images_is_read_in_all_its_forms(tmp_path, processor, sides):
    config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], num_labels=3)
    config.image_size = 32
    save(seeded(transformers.ResNetForImageClassification, config), tmp_path / "model")
    if processor is not None:
        (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps(processor))
    assert open_source(tmp_path / "model").inputs[0].shape == ("batch", 3, *sides)


WAV2VEC2 = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 20,
    "conv_dim": (8, 8), "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 8, "num_labels": 4,
}  # fmt: skip


def test_an_audio_classifier_takes_sound_of_any_length(tmp_path):
    config = transformers.Wav2Vec2Config(**WAV2VEC2)
    model = save(seeded(transformers.Wav2Vec2ForSequenceClassification, config), tmp_path / "model")
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    assert made.shapes() == {"input_values": ["batch", "samples"], "noise": ["batch", 4]}
    for length in (1600, 2500):
        assert_algorithm_1(made, logits_of(model), floats(input_values=(length,)), batches=(1, 3))


def test_padded_sound_comes_with_its_mask(tmp_path):
    config = transformers.Wav2Vec2Config(**WAV2VEC2, feat_extract_norm="layer")
    model = save(seeded(transformers.Wav2Vec2ForSequenceClassification, config), tmp_path / "model")
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    assert set(made.shapes()) == {"input_values", "attention_mask", "noise"}

    def sounds(generator, rows, length=2000):
        mask = np.arange(length) < generator.integers(800, length + 1, (rows, 1))
        values = generator.standard_normal((rows, length), dtype=np.float32) * mask
        return {"input_values": values, "attention_mask": mask.astype(np.int64)}

    assert_algorithm_1(made, logits_of(model), sounds, batches=(1, 3))


def test_an_audio_classifier_on_spectrograms_takes_their_size(tmp_path):
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_length=64,
        num_mel_bins=32, num_labels=5,
    )  # fmt: skip
    model = save(seeded(transformers.ASTForAudioClassification, config), tmp_path / "model")
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64).save_pretrained(tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    assert made.shapes() == {"input_values": ["batch", 64, 32], "noise": ["batch", 5]}
    assert_algorithm_1(made, logits_of(model), floats(input_values=(64, 32)))


def test_a_sharded_model_in_half_precision_is_opened_in_single_precision(tmp_path):
    model = distilbert(num_labels=4).half()
    model.save_pretrained(tmp_path / "model", max_shard_size="4KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    made = defended(tmp_path / "model", tmp_path)
    assert_algorithm_1(made, logits_of(model.float()), words(6))


@pytest.mark.parametrize(
    ("named", "labels"),
    [
        ({"0": "healthy", "1": "ill", "2": "unknown"}, ("healthy", "ill", "unknown")),
        ({"2": "unknown", "0": "healthy", "1": "ill"}, ("healthy", "ill", "unknown")),
        ({"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}, ()),  # transformers makes these up
    ],
)
def test_the_labels_are_those_of_the_folder(tmp_path, named, labels):
    save(distilbert(num_labels=3), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["id2label"] = named
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    assert open_source(tmp_path / "model").labels == labels
    assert defended(tmp_path / "model", tmp_path).exported.provenance.labels == labels
