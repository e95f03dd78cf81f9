import json

import numpy as np
import pytest
import transformers
from PIL import Image

from dynanoise_export.bundles import Bundle, Part
from dynanoise_export.bundling.making import make_bundle
from dynanoise_export.bundling.request import BundleRequest, ImageOptions
from dynanoise_export.errors import (
    DataError,
    FileAccessError,
    FormatError,
    MissingPackageError,
    ModelInputError,
    UsageError,
)
from dynanoise_export.layouts import Layout
from support.blobs import Blobs
from support.bundling import bundled

BLOBS = Blobs.drawn(8, 6, 3)
CLASSES = ("ant", "bee", "wasp")


def write_images(folder, count=24, grey=False, seed=0, blobs=BLOBS):
    """Write images, and give their pixels [n, 8, 6, 3] in the order of the classes, uint8."""
    x, y = blobs.rows(count, seed)
    pixels = np.round(255 * x).astype(np.uint8)
    for place, (image, label) in enumerate(zip(pixels, y, strict=True)):
        path = folder / CLASSES[label] / f"{place:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if grey else image).save(path)
    return pixels[np.argsort(y, kind="stable")], np.sort(y)


@pytest.fixture
def images(tmp_path):
    """Give a folder with members and non-members, and the pixels of all."""
    members, y = write_images(tmp_path / "images" / "members")
    others, _ = write_images(tmp_path / "images" / "non-members", seed=1)
    (tmp_path / "images" / "members" / "ant" / "notes.txt").write_text("not an image")
    return tmp_path / "images", np.concatenate([members, others]) / np.float32(255), np.concatenate([y, y])


def test_class_folders_become_images_with_the_channels_first(images):
    folder, pixels, y = images
    made = bundled(folder)
    np.testing.assert_allclose(made.inputs["x"], pixels.transpose(0, 3, 1, 2), rtol=1e-6)
    assert made.inputs["x"].dtype == np.float32
    assert (made.y.tolist(), made.classes) == (y.tolist(), CLASSES)
    assert made.member.tolist() == [True] * 24 + [False] * 24


@pytest.mark.parametrize("last", [False, True])
def test_the_model_decides_where_the_channels_are(images, tmp_path, last):
    folder, pixels, _ = images
    centres = BLOBS.centres if last else BLOBS.centres.transpose(0, 3, 1, 2)
    made = bundled(folder, model=Blobs(centres).model(tmp_path / "model.onnx"))
    expected = pixels if last else pixels.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(made.inputs["x"], expected, rtol=1e-6)


def test_the_user_decides_about_size_mean_deviation_and_layout(images):
    folder, pixels, _ = images
    options = ImageOptions(size=(4, 3), mean=(0.5, 0.4, 0.3), std=(0.2,))
    made = bundled(folder, images=options, layout=Layout.NHWC)
    assert made.inputs["x"].shape == (48, 4, 3, 3)
    resized = Image.fromarray((pixels[0] * 255).round().astype(np.uint8)).resize((3, 4), Image.Resampling.BILINEAR)
    expected = (np.asarray(resized) / 255 - np.array(options.mean)) / 0.2
    np.testing.assert_allclose(made.inputs["x"][0], expected, rtol=1e-5)


def test_grey_images_have_one_channel(images, tmp_path):
    folder, pixels, _ = images
    assert bundled(folder, images=ImageOptions(grey=True)).inputs["x"].shape == (48, 1, 8, 6)
    write_images(tmp_path / "grey" / "members", grey=True)
    write_images(tmp_path / "grey" / "non-members", grey=True, seed=1)
    made = bundled(tmp_path / "grey")
    np.testing.assert_allclose(made.inputs["x"][:, 0], pixels[..., 0], rtol=1e-6)
    # A model of colours gets the same channel three times, and so do images among which some have colours.
    colours = Blobs(BLOBS.centres[..., :1].repeat(3, axis=3).transpose(0, 3, 1, 2)).model(tmp_path / "model.onnx")
    assert bundled(tmp_path / "grey", model=colours).inputs["x"].shape == (48, 3, 8, 6)
    assert bundled(tmp_path / "grey", images=ImageOptions(std=(1, 2, 3))).inputs["x"].shape == (48, 3, 8, 6)
    for part in ("members", "non-members"):
        Image.new("RGB", (6, 8), "red" if part == "members" else "blue").save(
            tmp_path / "grey" / part / "ant" / "c.png"
        )
    assert bundled(tmp_path / "grey").inputs["x"].shape == (50, 3, 8, 6)


def test_folders_of_digits_are_sorted_as_the_loaders_of_images_sort_them(tmp_path):
    for part, bright in (("members", 9), ("non-members", 99)):
        for place, name in enumerate(["10", "9", "2"]):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            Image.new("L", (2, 2), bright + place).save(tmp_path / "images" / part / name / "a.png")
    made = bundled(tmp_path / "images")
    assert made.classes == ("10", "2", "9")
    assert made.y.tolist() == [0, 1, 2, 0, 1, 2]


def test_each_part_may_have_a_folder_of_its_own(tmp_path):
    folders = {part: tmp_path / part for part in Part}
    for seed, folder in enumerate(folders.values()):
        write_images(folder, 6 + seed, seed=seed)
    make_bundle(BundleRequest(folders), tmp_path / "rows.npz")
    assert Bundle.load(tmp_path / "rows.npz").split.tolist() == ["member"] * 6 + ["non-member"] * 7 + ["auxiliary"] * 8


def test_the_processor_of_a_folder_prepares_the_images(images, tmp_path):
    folder, pixels, _ = images
    settings = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "do_resize": True, "size": {"height": 4, "width": 4}}
    transformers.ViTImageProcessor(**settings).save_pretrained(tmp_path / "processor")
    made = bundled(folder, processor=tmp_path / "processor")
    assert made.inputs["x"].shape == (48, 3, 4, 4)
    processor = transformers.ViTImageProcessor(**settings)
    first = Image.fromarray((pixels[0] * 255).round().astype(np.uint8))
    np.testing.assert_allclose(made.inputs["x"][0], processor(first, return_tensors="np")["pixel_values"][0], atol=1e-6)
    with pytest.raises(UsageError, match="--mean"):
        bundled(folder, processor=tmp_path / "processor", images=ImageOptions(mean=(0.5,)))


@pytest.mark.parametrize("content", [None, "{", json.dumps({"auto_map": {"AutoImageProcessor": "code.Mine"}})])
def test_a_processor_that_is_missing_damaged_or_code_is_refused(images, tmp_path, content):
    if content is not None:
        (tmp_path / "processor").mkdir()
        (tmp_path / "processor" / "preprocessor_config.json").write_text(content)
        (tmp_path / "processor" / "code.py").write_text("raise SystemExit")
    with pytest.raises(FileAccessError if content is None else FormatError, match="processor"):
        bundled(images[0], processor=tmp_path / "processor")


def test_images_that_the_model_does_not_take_name_the_options(images, tmp_path):
    model = Blobs.drawn(1, 5, 4).model(tmp_path / "model.onnx")
    with pytest.raises(ModelInputError, match=r"--grey and --size 5,4"):
        bundled(images[0], model=model)
    for options in ({"divide": 0}, {"images": ImageOptions(std=(0,))}):
        with pytest.raises(UsageError, match="0"):
            bundled(images[0], **options)


def test_pixels_of_another_scale_than_the_models_are_found(tmp_path):
    # Dark, medium and bright images, which look alike in the wrong scale.
    blobs = Blobs(np.float32([0.2, 0.5, 0.8])[:, None, None, None] * np.ones((3, 8, 6), np.float32))
    for seed, part in enumerate(("members", "non-members")):
        write_images(tmp_path / "images" / part, seed=seed, blobs=Blobs(blobs.centres.transpose(0, 2, 3, 1)))
    model = Blobs(255 * blobs.centres).model(tmp_path / "model.onnx")
    with pytest.raises(DataError, match="--divide 1"):
        bundled(tmp_path / "images", model=model)
    assert bundled(tmp_path / "images", model=model, divide=1).inputs["x"].max() > 200
    model = blobs.model(tmp_path / "scaled.onnx")
    with pytest.raises(DataError, match="--divide 255"):
        bundled(tmp_path / "images", model=model, divide=1)


def test_folders_without_images_are_refused(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="members/CLASS"):
        bundled(tmp_path / "images")
    for part in ("members", "non-members"):
        (tmp_path / "images" / part / "ant").mkdir(parents=True)
    with pytest.raises(DataError, match="members"):
        bundled(tmp_path / "images")


def test_damaged_and_unequal_images_are_refused(images):
    folder, _, _ = images
    odd = folder / "members" / "ant" / "odd.png"
    Image.new("RGB", (3, 3)).save(odd)
    with pytest.raises(DataError, match="--size"):
        bundled(folder)
    odd.write_bytes(odd.read_bytes()[:40])
    with pytest.raises(FormatError, match=r"odd\.png"):
        bundled(folder)
    odd.unlink()
    with pytest.raises(UsageError, match="--mean"):
        bundled(folder, images=ImageOptions(mean=(0.1, 0.2)))


def test_images_without_their_package_name_the_extra(images, monkeypatch):
    monkeypatch.setattr("dynanoise_export.packages.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"\[images\]"):
        bundled(images[0])
