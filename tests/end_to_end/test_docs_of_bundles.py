"""The commands of docs/bundles.md, run as they are shown."""

import shlex

import numpy as np
import pytest
import transformers
from PIL import Image

from dynanoise_export.bundles import load_bundle
from support.blobs import Blobs
from support.data_sets import WORDS, write_encoder
from support.pages_of_docs import blocks

PAGE = "docs/bundles.md"
ROWS = 60
MEMBER = np.arange(ROWS) % 2 == 0
CLASSES = np.array(["cold", "flu", "well"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with the files that the page names."""
    folder = tmp_path_factory.mktemp("bundles")
    blobs = Blobs.drawn(3)
    x, y = blobs.rows(ROWS)
    blobs.model(folder / "model.onnx")
    columns = "age,height,pulse,diagnosis"
    lines = [f"{','.join(map(str, row))},{name}" for row, name in zip(x, CLASSES[y], strict=True)]
    whole = [f"{line},{row // 3},{'yes' if MEMBER[row] else 'no'}" for row, line in enumerate(lines)]
    (folder / "patients.csv").write_text("\n".join([f"{columns},patient,in_training", *whole]))
    (folder / "train.csv").write_text("\n".join([columns, *lines[:40]]))
    (folder / "test.csv").write_text("\n".join([columns, *lines[40:]]))
    reviews = [f"{WORDS[row]} {WORDS[row + 1]},{row % 2},{row % 3 == 0}" for row in range(len(WORDS) - 1)]
    (folder / "reviews.csv").write_text("\n".join(["review,mood,in_training", *reviews]))
    np.savez(folder / "arrays.npz", x=np.round(255 * x).astype(np.uint8), target=np.eye(3)[y], trained=MEMBER)
    for name, array in (("x", x), ("y", y), ("member", np.where(MEMBER, 1, -1))):
        np.save(folder / f"{name}.npy", array)
    images(folder / "images")
    transformers.ViTImageProcessor(size={"height": 8, "width": 8}).save_pretrained(folder / "vit")
    write_encoder(folder / "bert")
    return folder


def images(folder):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 6, 6, 3), np.uint8)
    for place, image in enumerate(pixels):
        path = folder / ("members" if place % 2 else "non-members") / CLASSES[place % 3] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


@pytest.mark.parametrize("command", blocks(PAGE, "sh"), ids=lambda command: command.split()[2])
def test_the_page_shows_commands_that_run(program, folder, command, monkeypatch):
    (folder / "rows.npz").unlink(missing_ok=True)
    monkeypatch.chdir(folder)
    ended = program(*shlex.split(command)[1:])
    assert ended.status == 0, ended.err
    texts = "--text" in command
    bundle = load_bundle(folder / "rows.npz", ["input_ids", "attention_mask"] if texts else ["x"])
    assert 0 < bundle.member.sum() < len(bundle)
    assert ("chance gives" in ended.out) == ("--model" in command)


def test_the_python_of_the_page_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec("".join(blocks(PAGE, "python")), {})
    bundle = load_bundle(folder / "rows.npz", ["x"])
    assert (bundle.member.sum(), bundle.classes) == (100, ("cold", "flu", "well"))
