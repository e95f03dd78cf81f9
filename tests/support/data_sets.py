"""Small data sets in the public formats of the real ones, so that every loader and target can be tested anywhere."""

import pickle
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = "a the film is was good bad dull bright warm cold long short it and not".split()  # noqa: SIM905


def public_folder(folder: Path, rows: int = 60) -> Path:
    """Make a folder with a data set for every target; the images depend on their class."""
    generator = np.random.default_rng(0)
    write_cifar10(folder, generator, rows)
    write_imagenette(folder, generator, rows // 10)
    write_table(folder / "purchase100.npz", generator, rows, 600)
    write_table(folder / "texas100.npz", generator, rows, 6169)
    write_location30(folder, generator, rows)
    write_sst2(folder, generator, 2 * rows)  # two classes show less of the noise, so validation needs more rows
    return folder


def write_cifar10(folder, generator, rows):
    """Write the Python batches of CIFAR-10, as NumPy of 2009 pickled them."""
    (batches := folder / "cifar-10-batches-py").mkdir()
    written = {}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        labels = generator.permutation(np.arange(rows // 5) % 10)
        data = generator.integers(0, 200, (len(labels), 3072)) + labels[:, None] * 5
        content = {b"data": data.astype(np.uint8), b"labels": labels.tolist(), b"batch_label": b"random"}
        pickled = pickle.dumps(content, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        (batches / name).write_bytes(pickled)
        written[name] = content
    return written


def write_imagenette(folder, generator, each):
    """Write ten folders of JPEG images that are not square, for training and for validation."""
    for part, count in (("train", each), ("val", 2)):
        for name in range(10):
            images = folder / "imagenette2-160" / part / f"n{name:08d}"
            images.mkdir(parents=True)
            for image in range(count):
                pixels = generator.integers(0, 100, (90, 70, 3)) + 15 * name
                Image.fromarray(pixels.astype(np.uint8)).save(images / f"{image}.JPEG", quality=95)


def write_table(path, generator, rows, features):
    """Write features and one-hot labels with 100 classes."""
    x = generator.integers(0, 2, (rows, features)).astype(np.uint8)
    y = generator.permutation(np.arange(rows) % 100)
    np.savez(path, features=x, labels=np.eye(100, dtype=np.uint8)[y])
    return x, y


def write_location30(folder, generator, rows):
    """Write packed bits, and labels that start at 1."""
    (folder / "location30").mkdir()
    x = generator.integers(0, 2, (rows, 446)).astype(np.uint8)
    y = np.arange(rows) % 30 + 1
    np.savez(folder / "location30" / "location30.npz", x_bits=np.packbits(x, axis=1), n_features=446, y=y)
    return x, y


def write_sst2(folder, generator, rows):
    """Write different sentences in GLUE's format."""
    (tables := folder / "SST-2").mkdir()
    for part, count in (("train", rows), ("dev", 10)):
        drawn = [" ".join(generator.choice(WORDS, generator.integers(3, 12))) for _ in range(count)]
        lines = [f"{sentence} {part} {row} \t{row % 2}" for row, sentence in enumerate(drawn)]
        (tables / f"{part}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n", encoding="utf-8")


def write_encoder(folder: Path) -> Path:
    """Write a small DistilBERT encoder with a tokenizer of whole words, saved by transformers."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    config = transformers.DistilBertConfig(
        dim=16, hidden_dim=32, n_layers=1, n_heads=2, vocab_size=40, max_position_embeddings=64
    )
    transformers.DistilBertModel(config).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "train", "dev", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    return folder
