import json

import numpy as np
import pytest
import torch

from dynanoise_export.errors import ModelInputError, UnsupportedModelError
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import assert_algorithm_1, defended, refusal

transformers = pytest.importorskip("transformers")

from support.architectures import tiny  # noqa: E402
from support.folders import TINY_TEXT, bert, save, vit  # noqa: E402
from support.modules import seeded  # noqa: E402

TEXT = {"input_ids": ("batch", "sequence"), "attention_mask": ("batch", "sequence")}
PAIRS = {**TEXT, "token_type_ids": ("batch", "sequence")}
BOXES = {"bbox": ("batch", "sequence", 4)}


def layoutlm():
    config = transformers.LayoutLMConfig(**TINY_TEXT, max_2d_position_embeddings=1024, num_labels=4)
    return seeded(transformers.LayoutLMForSequenceClassification, config)


def write(folder, name, **content):
    (folder / name).write_text(json.dumps(content))


def shapes(folder):
    return {spec.name: spec.shape for spec in open_source(folder).inputs}


def documents(generator, rows, length=9):
    edges = np.sort(generator.integers(0, 1000, (rows, length, 2, 2)), axis=2)
    return {
        "input_ids": generator.integers(5, 60, (rows, length)),
        "bbox": edges.reshape(rows, length, 4),
        "attention_mask": np.ones((rows, length), np.int64),
        "token_type_ids": generator.integers(0, 2, (rows, length)),
    }


def test_a_layoutlm_answers_by_the_boxes_of_its_words_though_its_tokenizer_does_not_list_them(tmp_path):
    model = save(layoutlm(), tmp_path / "model")
    listed = ["input_ids", "token_type_ids", "attention_mask"]
    write(tmp_path / "model", "tokenizer_config.json", tokenizer_class="LayoutLMTokenizer", model_input_names=listed)
    made = defended(tmp_path / "model", tmp_path)
    assert set(made.shapes()) == {*PAIRS, *BOXES, "noise"}

    def logits_of(inputs):
        with torch.no_grad():
            return model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits.numpy()

    assert_algorithm_1(made, logits_of, documents)
    asked = documents(np.random.default_rng(0), 4)
    elsewhere = {**asked, "bbox": documents(np.random.default_rng(1), 4)["bbox"]}
    noise = np.zeros((4, 4), np.float32)
    assert np.abs(made.answer(asked, noise) - made.answer(elsewhere, noise)).max() > 1e-3


@pytest.mark.parametrize(
    ("architecture", "inputs"),
    [
        ("LiltForSequenceClassification", {**TEXT, **BOXES}),
        ("LayoutLMv3ForSequenceClassification", {**TEXT, **BOXES, "pixel_values": ("batch", 3, 32, 32)}),
        ("AlbertForSequenceClassification", PAIRS),
        ("CanineForSequenceClassification", PAIRS),
        ("GPT2ForSequenceClassification", TEXT),
        ("TapasForSequenceClassification", {**TEXT, "token_type_ids": ("batch", "sequence", 7)}),
        (
            "RoCBertForSequenceClassification",
            {**PAIRS, **dict.fromkeys(["input_shape_ids", "input_pronunciation_ids"], ("batch", "sequence"))},
        ),
        (
            "MarkupLMForSequenceClassification",
            {**PAIRS, **dict.fromkeys(["xpath_tags_seq", "xpath_subs_seq"], ("batch", "sequence", 50))},
        ),
        ("FNetForSequenceClassification", {name: PAIRS[name] for name in ("input_ids", "token_type_ids")}),
        ("ImageGPTForImageClassification", {"input_ids": ("batch", 64)}),
    ],
)
def test_the_inputs_are_those_that_the_processor_makes_and_the_model_takes(tmp_path, architecture, inputs):
    tiny(architecture).save_pretrained(tmp_path / "model")
    assert shapes(tmp_path / "model") == inputs


@pytest.mark.parametrize("tokenizer", [None, "RobertaTokenizerFast"])
def test_the_tokenizer_of_roberta_makes_no_token_types_whatever_the_model_has(tmp_path, tokenizer):
    config = transformers.RobertaConfig(**TINY_TEXT, type_vocab_size=2, num_labels=3, pad_token_id=0)
    save(seeded(transformers.RobertaForSequenceClassification, config), tmp_path / "model")
    if tokenizer is not None:
        write(tmp_path / "model", "tokenizer_config.json", tokenizer_class=tokenizer)
    assert shapes(tmp_path / "model") == TEXT


@pytest.mark.parametrize("stated", [True, False], ids=["by the tokenizer", "by the model"])
def test_a_model_with_one_token_type_takes_none(tmp_path, stated):
    save(bert(type_vocab_size=1, num_labels=3), tmp_path / "model")
    if stated:
        write(tmp_path / "model", "tokenizer_config.json", model_input_names=list(PAIRS))
    assert shapes(tmp_path / "model") == TEXT


def test_the_size_of_images_is_that_of_the_inner_configuration(tmp_path):
    tiny("CLIPForImageClassification").save_pretrained(tmp_path / "model")
    assert shapes(tmp_path / "model") == {"pixel_values": ("batch", 3, 32, 32)}


def test_the_image_processor_within_a_processor_states_the_size_of_images(tmp_path):
    config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], num_labels=3)
    save(seeded(transformers.ResNetForImageClassification, config), tmp_path / "model")
    write(tmp_path / "model", "processor_config.json", image_processor={"size": {"height": 40, "width": 48}})
    assert shapes(tmp_path / "model") == {"pixel_values": ("batch", 3, 40, 48)}


def test_a_model_of_texts_with_or_without_images_is_asked_which_if_its_processor_makes_images(tmp_path):
    model = tiny("Gemma3ForSequenceClassification")
    model.save_pretrained(tmp_path / "model")
    assert shapes(tmp_path / "model") == TEXT
    write(tmp_path / "model", "preprocessor_config.json", size={"height": 32, "width": 32})
    (tmp_path / "out").mkdir()
    assert "--input" in refusal(tmp_path / "model", tmp_path / "out", ModelInputError)


@pytest.mark.parametrize("architecture", ["ShieldGemma2ForImageClassification", "Siglip2ForImageClassification"])
def test_a_model_that_takes_more_than_images_of_one_size_is_refused(tmp_path, architecture):
    tiny(architecture).save_pretrained(tmp_path / "model")
    (tmp_path / "out").mkdir()
    refusal(tmp_path / "model", tmp_path / "out", UnsupportedModelError)


def test_the_length_of_sound_without_a_feature_extractor_may_have_any_name(tmp_path):
    tiny("HubertForSequenceClassification").save_pretrained(tmp_path / "model")
    given = (TensorSpec("input_values", "float32", ("batch", "time")),)
    source = open_source(tmp_path / "model", SourceOptions(inputs=given))
    assert source.inputs == given
    assert source.example["input_values"].shape == (8, 16_000)


def test_a_single_score_counts_as_that_of_the_second_of_two_classes_if_the_user_says_so(tmp_path):
    save(bert(num_labels=1), tmp_path / "model")
    assert open_source(tmp_path / "model", SourceOptions(scores=ScoreOptions(binary=True))).classes == 2


def test_a_configuration_that_asks_for_tuples_and_hidden_states_changes_nothing(tmp_path):
    save(vit(num_labels=6), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    asked = {"return_dict": False, "output_hidden_states": True, "output_attentions": True}
    write(tmp_path / "model", "config.json", **config | asked)
    source = open_source(tmp_path / "model")
    assert (source.output, source.classes, source.dropped) == ("logits", 6, ())


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        (
            "LlamaForSequenceClassification",
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2}},
        ),
        ("BigBirdForSequenceClassification", {"block_size": 4, "num_random_blocks": 1, "max_position_embeddings": 64}),
    ],
)
def test_a_model_that_treats_long_rows_in_another_way_needs_their_length(tmp_path, architecture, settings):
    model = tiny(architecture)
    for name, value in settings.items():
        setattr(model.config, name, value)
    model.save_pretrained(tmp_path / "model")
    (tmp_path / "out").mkdir()
    assert "--input input_ids:batch,128:int64" in refusal(tmp_path / "model", tmp_path / "out", ModelInputError)
    fixed = tuple(TensorSpec(name, "int64", ("batch", 16)) for name in TEXT)
    assert open_source(tmp_path / "model", SourceOptions(inputs=fixed)).inputs == fixed


def test_a_bigbird_whose_rows_are_all_short_takes_any_length(tmp_path):
    tiny("BigBirdForSequenceClassification").save_pretrained(tmp_path / "model")  # 64 positions, blocks of 64
    assert shapes(tmp_path / "model") == TEXT
