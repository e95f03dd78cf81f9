import numpy as np
import pytest

from dynanoise_export.types import TensorSpec

transformers = pytest.importorskip("transformers")

from dynanoise_export.sources.hugging_face.example_rows import RowMaker  # noqa: E402

TOKENS = TensorSpec("input_ids", "int64", ("batch", "sequence"))
MASK = TensorSpec("attention_mask", "int64", ("batch", "sequence"))


def test_rows_hold_tokens_without_a_meaning_of_their_own_and_differ():
    config = transformers.BertConfig(vocab_size=20, pad_token_id=0, bos_token_id=3, eos_token_id=[4, 5], sep_token_id=7)
    tokens = RowMaker(config, (TOKENS,)).rows(count=50)["input_ids"]
    assert set(np.unique(tokens)) == set(range(20)) - {0, 3, 4, 5, 7}
    assert len(np.unique(tokens, axis=0)) == 50


def test_rows_are_padded_on_the_right_with_the_padding_token():
    config = transformers.BertConfig(vocab_size=20, pad_token_id=6)
    rows = RowMaker(config, (TOKENS, MASK)).rows(count=50, length=9)
    mask = rows["attention_mask"]
    assert mask.shape == (50, 9)
    assert mask[0].all()
    assert set(mask.sum(axis=1)) == {5, 6, 7, 8, 9}
    assert (np.diff(mask, axis=1) <= 0).all()
    assert ((rows["input_ids"] == 6) == (mask == 0)).all()


def test_rows_for_an_encoder_and_decoder_hold_one_end_of_text_each_before_the_padding():
    config = transformers.T5Config(vocab_size=20, pad_token_id=0, eos_token_id=1)
    rows = RowMaker(config, (TOKENS, MASK)).rows(count=50)
    ends = np.argwhere(rows["input_ids"] == 1)
    np.testing.assert_array_equal(ends[:, 0], np.arange(50))
    np.testing.assert_array_equal(ends[:, 1], rows["attention_mask"].sum(axis=1) - 1)


@pytest.mark.parametrize(
    ("config", "name", "bound"),
    [
        (transformers.BertConfig(type_vocab_size=2), "token_type_ids", 2),
        (transformers.CanineConfig(), "token_type_ids", 2),
        (transformers.MarkupLMConfig(), "xpath_tags_seq", transformers.MarkupLMConfig().max_xpath_tag_unit_embeddings),
        (transformers.RoCBertConfig(shape_vocab_size=9), "input_shape_ids", 9),
    ],
)
def test_other_integers_stay_within_their_embeddings(config, name, bound):
    values = RowMaker(config, (TensorSpec(name, "int64", ("batch", 30)),)).rows(count=200)[name]
    assert (values.min(), values.max()) == (0, bound - 1)


def test_boxes_have_their_left_and_upper_edges_first():
    config = transformers.LayoutLMConfig(max_2d_position_embeddings=1024)
    boxes = RowMaker(config, (TensorSpec("bbox", "int64", ("batch", "sequence", 4)),)).rows(count=200)["bbox"]
    assert (boxes[..., :2] <= boxes[..., 2:]).all()
    assert (boxes.min(), boxes.max()) == (0, 1000)


@pytest.mark.parametrize("limit", [4, 16, 64, 4096])
def test_other_rows_have_other_lengths_and_never_more_tokens_than_the_model_has_positions(limit):
    maker = RowMaker(transformers.BertConfig(max_position_embeddings=limit), (TOKENS,))
    usual = maker.rows()["input_ids"].shape[1]
    lengths = {length for _, length in maker.other_sizes()}
    assert all(1 <= length <= min(limit, 768) for length in lengths | {usual})
    assert lengths - {usual}


def test_a_model_without_a_limit_of_positions_takes_rows_of_any_length():
    assert RowMaker(transformers.XLNetConfig(), (TOKENS,)).rows()["input_ids"].shape == (8, 12)


def test_sound_is_a_second_long():
    sound = TensorSpec("input_values", "float32", ("batch", "samples"))
    assert RowMaker(transformers.Wav2Vec2Config(), (sound,)).rows()["input_values"].shape == (8, 16_000)
