"""ImageNet-10: ten classes of ImageNet, in the choice that is known as Imagenette, at 64 × 64 pixels."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from dynanoise_export.errors import UserError
from dynanoise_models.datasets.dataset import Dataset, data_folder, first_of, labelled, read_npz
from dynanoise_models.datasets.images import decode, normalised, read_square

SIDE = 64
ARCHIVE = "imagenette/imagenette64_all_jpeg.npz"
FOLDERS = ("imagenette2-160", "imagenette2-320", "imagenette2")
CLASSES = 10


def load_imagenet10(folder: Path | None = None) -> Dataset:
    """Load all 13,394 images; those from ImageNet's validation set are for testing.

    Raises:
        UserError: it is missing or damaged.
    """
    place = first_of(
        data_folder(folder), (ARCHIVE, *FOLDERS), "ImageNet-10", "Imagenette from github.com/fastai/imagenette"
    )
    return _read_archive(place) if place.suffix == ".npz" else _read_folders(place)


def _read_archive(path: Path) -> Dataset:
    offsets, blob, labels, own_test = read_npz(path, "offsets", "blob", "labels", "from_imagenet_val")
    content = blob.tobytes()
    pixels = np.stack([decode(path, content[start:end]) for start, end in pairwise(offsets)])
    return labelled(path, normalised(pixels), labels, own_test.astype(bool))


def _read_folders(place: Path) -> Dataset:
    """Read `train/n01440764/*.JPEG` and so on, the classes in the order of their names."""
    classes = sorted(path.name for path in (place / "train").glob("n*"))
    if len(classes) != CLASSES:
        raise UserError(f"{place / 'train'} holds {len(classes)} folders of classes, not {CLASSES}.")
    files = [(path, y, part == "val") for part in ("train", "val") for y, name in enumerate(classes)
             for path in sorted((place / part / name).glob("*.JPEG"))]  # fmt: skip
    if not files:
        raise UserError(f"{place} holds no .JPEG files.")
    paths, labels, own_test = zip(*files, strict=True)
    return labelled(place, normalised(read_square(paths, SIDE)), np.array(labels), np.array(own_test))
