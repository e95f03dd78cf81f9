"""CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 32 × 32 pixels."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from dynanoise_export.array_files import array_names
from dynanoise_export.errors import FormatError, first_line
from dynanoise_export.types import Array
from dynanoise_models.datasets.dataset import Dataset, checked_dataset, data_folder, find_data_set, read_npz
from dynanoise_models.datasets.images import Pixels, decode, normalised

SIDE = 32
SHEETS = "cifar10"
BATCHES = "cifar-10-batches-py"
SHEET_ROWS, SHEET_COLUMNS = 40, 50
# A pickled batch of the public archive, written by a NumPy of 2009, names these and nothing else.
HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def load_cifar10(folder: Path | None = None) -> Dataset:
    """Load all 60,000 images, the 10,000 test images last, from lossless sheets or from torchvision's folder.

    Raises:
        UserError: it is missing or damaged.
    """
    found = find_data_set(
        data_folder(folder),
        (SHEETS, BATCHES),
        "CIFAR-10",
        "the Python version from cs.toronto.edu/~kriz/cifar.html (torchvision.datasets.CIFAR10 downloads it)",
    )
    read = _read_sheets if found.name == SHEETS else _read_batches
    parts = [read(found, part) for part in ("train", "test")]
    pixels = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    own_test = np.arange(len(y)) >= len(parts[0][1])
    return checked_dataset(found, normalised(pixels), y, own_test)


def _read_sheets(folder: Path, part: str) -> tuple[Pixels, Array]:
    path = folder / f"cifar10_{part}_webp.npz"
    names = sorted(name for name in array_names(path, "an .npz file of images") if name.startswith("sheet"))
    *contents, labels = read_npz(path, *names, "labels")
    sheets = [decode(path, content.tobytes()) for content in contents]
    tiles = [sheet.reshape(SHEET_ROWS, SIDE, SHEET_COLUMNS, SIDE, 3).swapaxes(1, 2) for sheet in sheets]
    return np.concatenate([tile.reshape(-1, SIDE, SIDE, 3) for tile in tiles]), labels


def _read_batches(folder: Path, part: str) -> tuple[Pixels, Array]:
    names = [f"data_batch_{i}" for i in range(1, 6)] if part == "train" else ["test_batch"]
    batches = [_read_batch(folder / name) for name in names]
    pixels = np.concatenate([batch[0] for batch in batches])
    labels = np.concatenate([batch[1] for batch in batches])
    return pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels


def _read_batch(path: Path) -> tuple[Pixels, Array]:
    try:
        with path.open("rb") as file:
            batch = _DataOnly(file, encoding="bytes").load()
        return np.asarray(batch[b"data"], np.uint8), np.asarray(batch[b"labels"])
    except Exception as error:  # a parser of foreign bytes
        raise FormatError(f"{path} is not a batch of CIFAR-10: {first_line(error)}") from error


class _DataOnly(pickle.Unpickler):
    """Opens a pickle of arrays and plain containers, and runs no code from it."""

    def find_class(self, module: str, name: str) -> Any:
        """Find one of the few things that arrays are made of."""
        if (module, name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no batch does")
        return HARMLESS[module, name]
