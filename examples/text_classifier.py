"""Defend a text classifier: a tiny transformer of Hugging Face on a few made-up sentences.

Run it anywhere: python text_classifier.py. It writes to the folder text_classifier and needs no network.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

import dynanoise_export

FOLDER = Path("text_classifier")
THINGS = ("film", "song", "book", "meal", "room", "game", "show", "trip")
JUDGEMENTS = {"bad": ("dull", "awful", "boring", "bad", "poor"), "good": ("great", "lovely", "fine", "good", "fun")}
PAD, UNKNOWN = "[PAD]", "[UNK]"
FORMS = ("the {} was {}", "what a {} {}", "i found this {} very {}")


def sentences() -> tuple[list[str], list[int]]:
    """Make sentences and their labels: 0 bad, 1 good."""
    made = [
        (form.format(thing, word), label)
        for label, words in enumerate(JUDGEMENTS.values())
        for form, thing, word in itertools.product(FORMS, THINGS, words)
    ]
    return [text for text, _ in made], [label for _, label in made]


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Make a tokenizer that splits at spaces."""
    words = [PAD, UNKNOWN, *sorted({word for text in texts for word in text.split()})]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    names = ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, unk_token=UNKNOWN, model_input_names=names
    )


def main() -> None:
    """Train, save as Hugging Face does, export, validate, and ask the defended file."""
    texts, labels = sentences()
    tokenizer = make_tokenizer(texts)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    y = torch.tensor(labels)

    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, hidden_dim=64, n_layers=1, n_heads=2, max_position_embeddings=32,
        id2label=dict(enumerate(JUDGEMENTS)),
    )  # fmt: skip
    model = DistilBertForSequenceClassification(config)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        model(**encoded, labels=y).loss.backward()
        optimizer.step()
    model.save_pretrained(FOLDER / "model")
    tokenizer.save_pretrained(FOLDER / "model")

    rows, defended = FOLDER / "rows.npz", FOLDER / "defended.onnx"
    np.savez(rows, y=y.numpy(), **{f"inputs.{name}": tokens.numpy() for name, tokens in encoded.items()})
    dynanoise_export.export(FOLDER / "model", defended)
    validation = dynanoise_export.validate(defended, FOLDER / "model", data=rows)
    print("validated:", "passed" if validation.passed else "failed")

    query = "i found this song great"
    with dynanoise_export.load(defended) as session:
        probabilities = session.predict(dict(tokenizer([query], return_tensors="np")))
        for label, probability in zip(session.model.labels, probabilities[0], strict=True):
            print(f"{query!r} is {label}: {probability:.2f}")


if __name__ == "__main__":
    main()
