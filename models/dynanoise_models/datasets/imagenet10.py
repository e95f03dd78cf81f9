"""ImageNet-10: the ten classes of ImageNet that are known as Imagenette, at 64 × 64 pixels."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from dynanoise_export.errors import FormatError
from dynanoise_models.datasets.dataset import Dataset, checked_dataset, data_folder, find_data_set, read_npz
from dynanoise_models.datasets.images import decode, normalised, read_square

SIDE = 64
ARCHIVE = "imagenette/imagenette64_all_jpeg.npz"
FOLDERS = ("imagenette2-160", "imagenette2-320", "imagenette2")
CLASSES = 10


def load_imagenet10(folder: Path | None = None) -> Dataset:
    """Load all 13,394 images; those from ImageNet's validation set are reserved for testing.

    Raises:
        UserError: it is missing or damaged.
    """
    found = find_data_set(
        data_folder(folder), (ARCHIVE, *FOLDERS), "ImageNet-10", "Imagenette from github.com/fastai/imagenette"
    )
    return _read_archive(found) if found.suffix == ".npz" else _read_folders(found)


def _read_archive(path: Path) -> Dataset:
    offsets, images, labels, own_test = read_npz(path, "offsets", "blob", "labels", "from_imagenet_val")
    content = images.tobytes()
    limits = offsets.astype(np.int64).tolist()
    pixels = np.stack([decode(path, content[start:end]) for start, end in pairwise(limits)])
    return checked_dataset(path, normalised(pixels), labels, own_test.astype(bool))


def _read_folders(folder: Path) -> Dataset:
    """Read `train/n01440764/*.JPEG` and so on, the classes in the order of their names."""
    classes = sorted(path.name for path in (folder / "train").glob("n*"))
    if len(classes) != CLASSES:
        raise FormatError(f"{folder / 'train'} holds {len(classes)} folders of classes, not {CLASSES}: get it again.")
    files = [(path, y, part == "val") for part in ("train", "val") for y, name in enumerate(classes)
             for path in sorted((folder / part / name).glob("*.JPEG"))]  # fmt: skip
    if not files:
        raise FormatError(f"{folder} holds no .JPEG files: get it again.")
    paths, labels, own_test = zip(*files, strict=True)
    return checked_dataset(folder, normalised(read_square(paths, SIDE)), np.array(labels), np.array(own_test))
