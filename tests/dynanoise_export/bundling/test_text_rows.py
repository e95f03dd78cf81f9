import json

import numpy as np
import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from dynanoise_export.bundles import Bundle, Part
from dynanoise_export.bundling.making import make_bundle
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.errors import DataError, FileAccessError, FormatError, UsageError
from support.bundling import bundled
from support.folders import distilbert, save

TEXTS = ["a fine film", "bad", "so so bad", "a fine fine fine one"]
LABELS = ["good", "bad", "bad", "good"]
WORDS = ["[PAD]", "[UNK]", *sorted({word for text in TEXTS for word in text.split()})]


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    """Give a Hugging Face folder with a tokenizer of whole words and a small classifier."""
    folder = tmp_path_factory.mktemp("text") / "model"
    save(distilbert(id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1}), folder)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture
def reviews(tmp_path):
    rows = [{"text": text, "label": label, "trained": place < 2, "who": place % 2}
            for place, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))]  # fmt: skip
    (tmp_path / "reviews.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "reviews.jsonl"


def expected(length):
    ids = [[WORDS.index(word) for word in text.split()][:length] for text in TEXTS]
    return np.array([row + [0] * (length - len(row)) for row in ids])


@pytest.mark.parametrize(("max_length", "length"), [(None, 5), (3, 3)])
def test_texts_are_padded_tokens(reviews, processor, max_length, length):
    inputs = ("input_ids", "token_type_ids", "attention_mask")
    made = bundled(reviews, inputs=inputs, text="text", member="trained", group="who", processor=processor,
                   max_length=max_length)  # fmt: skip
    ids = expected(length)
    np.testing.assert_array_equal(made.inputs["input_ids"], ids)
    np.testing.assert_array_equal(made.inputs["attention_mask"], ids != 0)
    assert made.inputs["input_ids"].dtype == np.int64
    assert (made.y.tolist(), made.classes) == ([1, 0, 0, 1], ("bad", "good"))
    assert made.member.tolist() == [True, True, False, False]
    assert made.group.tolist() == ["0", "1", "0", "1"]


def test_the_model_takes_its_own_inputs_and_names_the_classes(reviews, processor):
    made = bundled(reviews, inputs=("input_ids", "attention_mask"), text="text", member="trained",
                   processor=processor, model=processor, force=True)  # fmt: skip
    assert set(made.inputs) == {"input_ids", "attention_mask"}
    assert made.classes == ("bad", "good")


def test_all_parts_are_padded_to_one_length(tmp_path, processor):
    for name, rows in (("train", slice(0, 2)), ("test", slice(2, 4))):
        lines = [f"{text},{label}" for text, label in zip(TEXTS[rows], LABELS[rows], strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["review,mood", *lines]))
    sources = {Part.MEMBER: tmp_path / "train.csv", Part.NON_MEMBER: tmp_path / "test.csv"}
    request = BundleRequest(sources, text="review", label="mood", processor=processor)
    make_bundle(request, tmp_path / "rows.npz")
    made = Bundle.load(tmp_path / "rows.npz", ["input_ids"])
    np.testing.assert_array_equal(made.inputs["input_ids"], expected(5))


def test_texts_need_a_tokenizer_that_pads(reviews, processor, tmp_path):
    with pytest.raises(UsageError, match="--processor"):
        bundled(reviews, text="text", member="trained")
    with pytest.raises(FileAccessError, match="missing"):
        bundled(reviews, text="text", member="trained", processor=tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="empty"):
        bundled(reviews, text="text", member="trained", processor=tmp_path / "empty")
    with pytest.raises(DataError, match="'body'"):
        bundled(reviews, text="body", member="trained", processor=processor)
    tokenizer = transformers.AutoTokenizer.from_pretrained(processor)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path / "unpadded")
    with pytest.raises(UsageError, match="pad_token"):
        bundled(reviews, text="text", member="trained", processor=tmp_path / "unpadded")
