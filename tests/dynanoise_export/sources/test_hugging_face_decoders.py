"""Classifiers that look at one token of each row: the end of the text, or the last one that is not padding."""

import json

import numpy as np
import pytest
import torch

from dynanoise_export.errors import UnsupportedModelError
from support.exports import assert_algorithm_1, defended, refusal

transformers = pytest.importorskip("transformers")

from support.folders import save  # noqa: E402
from support.modules import seeded  # noqa: E402

END = 2


def t5():
    config = transformers.T5Config(
        vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, eos_token_id=END, pad_token_id=0,
        decoder_start_token_id=0, num_labels=4,
    )  # fmt: skip
    return seeded(transformers.T5ForSequenceClassification, config)


def bart():
    config = transformers.BartConfig(
        vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64,
        eos_token_id=END, pad_token_id=1, bos_token_id=0, num_labels=4,
    )  # fmt: skip
    return seeded(transformers.BartForSequenceClassification, config)


def gpt2():
    config = transformers.GPT2Config(vocab_size=60, n_positions=64, n_embd=16, n_layer=1, n_head=2, num_labels=3)
    return seeded(transformers.GPT2ForSequenceClassification, config)


def logits_of(model):
    def run(inputs):
        with torch.no_grad():
            return model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits.numpy()

    return run


def texts(padding, length=11):
    """Draw texts of up to `length` tokens with the mark of their end, padded on the right."""

    def inputs_of(generator, rows):
        ends = generator.integers(2, length, (rows, 1))
        ids = generator.integers(5, 60, (rows, length))
        np.put_along_axis(ids, ends, END, axis=1)
        mask = np.arange(length) <= ends
        return {"input_ids": np.where(mask, ids, padding), "attention_mask": mask.astype(np.int64)}

    return inputs_of


@pytest.mark.parametrize(("make", "padding"), [(t5, 0), (bart, 1)], ids=["T5", "BART"])
def test_a_model_that_looks_at_the_end_of_a_text_answers_rows_of_any_number_and_length(tmp_path, make, padding):
    model = save(make(), tmp_path / "model")
    made = defended(tmp_path / "model", tmp_path)
    assert set(made.shapes()) == {"input_ids", "attention_mask", "noise"}
    for length in (5, 19):
        assert_algorithm_1(made, logits_of(model), texts(padding, length))


def test_a_decoder_without_a_padding_token_answers_each_row_as_it_does_alone(tmp_path):
    model = save(gpt2(), tmp_path / "model")
    assert model.config.pad_token_id is None
    made = defended(tmp_path / "model", tmp_path)

    def one_by_one(inputs):
        return np.concatenate([logits_of(model)({"input_ids": row[None]}) for row in inputs["input_ids"]])

    def whole(generator, rows):
        return {"input_ids": generator.integers(0, 60, (rows, 7)), "attention_mask": np.ones((rows, 7), np.int64)}

    assert_algorithm_1(made, one_by_one, whole)


@pytest.mark.parametrize("token", ["<pad>", {"content": "<pad>", "special": True}])
def test_a_decoder_whose_tokenizer_alone_has_a_padding_token_is_refused(tmp_path, token):
    save(gpt2(), tmp_path / "model")
    (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps({"pad_token": token}))
    (tmp_path / "out").mkdir()
    assert "pad_token_id" in refusal(tmp_path / "model", tmp_path / "out", UnsupportedModelError)
