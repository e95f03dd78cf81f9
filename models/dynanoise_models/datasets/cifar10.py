"""CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 32 × 32 pixels."""

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError, first_line
from dynanoise_models.datasets.dataset import Dataset, data_folder, first_of, labelled, read_npz
from dynanoise_models.datasets.images import Pixels, decode, normalised

SIDE = 32
SHEETS = "cifar10"
BATCHES = "cifar-10-batches-py"
SHEET_ROWS, SHEET_COLUMNS = 40, 50
# The only names that a pickled batch of the public archive holds, written by a NumPy of 2009.
HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def load_cifar10(folder: Path | None = None) -> Dataset:
    """Load all 60,000 images, the 10,000 test images last: lossless sheets, or torchvision's folder.

    Raises:
        UserError: it is missing or damaged.
    """
    place = first_of(
        data_folder(folder),
        (SHEETS, BATCHES),
        "CIFAR-10",
        "the Python version from cs.toronto.edu/~kriz/cifar.html (torchvision.datasets.CIFAR10 downloads it)",
    )
    read = _read_sheets if place.name == SHEETS else _read_batches
    parts = [read(place, part) for part in ("train", "test")]
    pixels, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    own_test = np.arange(len(y)) >= len(parts[0][1])
    return labelled(place, normalised(pixels), y, own_test)


def _read_sheets(place: Path, part: str) -> tuple[Pixels, npt.NDArray[Any]]:
    path = place / f"cifar10_{part}_webp.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = sorted(name for name in archive.files if name.startswith("sheet"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged: {first_line(error)}") from error
    *blobs, labels = read_npz(path, *names, "labels")
    sheets = [decode(path, blob.tobytes()) for blob in blobs]
    tiles = [sheet.reshape(SHEET_ROWS, SIDE, SHEET_COLUMNS, SIDE, 3).swapaxes(1, 2) for sheet in sheets]
    return np.concatenate([tile.reshape(-1, SIDE, SIDE, 3) for tile in tiles]), labels


def _read_batches(place: Path, part: str) -> tuple[Pixels, npt.NDArray[Any]]:
    names = [f"data_batch_{i}" for i in range(1, 6)] if part == "train" else ["test_batch"]
    batches = [_read_batch(place / name) for name in names]
    pixels, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    return pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels


def _read_batch(path: Path) -> tuple[Pixels, npt.NDArray[Any]]:
    try:
        with path.open("rb") as file:
            batch = _DataAlone(file, encoding="bytes").load()
        return np.asarray(batch[b"data"], np.uint8), np.asarray(batch[b"labels"])
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is no batch of CIFAR-10: {first_line(error)}") from error


class _DataAlone(pickle.Unpickler):
    """Opens a pickle of arrays and plain containers, and runs no code of it."""

    def __init__(self, file: IO[bytes], *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)

    def find_class(self, module: str, name: str) -> Any:
        """Give the few things that arrays are made of."""
        if (module, name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no batch does")
        return HARMLESS[module, name]
