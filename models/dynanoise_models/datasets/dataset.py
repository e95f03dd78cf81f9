"""A data set in memory, and how a loader finds its files."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynanoise_export.array_files import read_arrays
from dynanoise_export.errors import DataError, FileAccessError
from dynanoise_export.types import Array, Bools, Int64s

FOLDER_VARIABLE = "DYNANOISE_DATA"


@dataclass(frozen=True)
class Dataset:
    """Rows with their labels.

    Attributes:
        x: images float32 [n, channels, side, side], normalised; features float32 [n, f]; or sentences, str [n].
        y: int64 [n], from 0.
        own_test: bool [n], the rows that the data set reserves for testing; no target is trained on them.
    """

    x: Array
    y: Int64s
    own_test: Bools

    def __len__(self) -> int:
        return len(self.y)


def data_folder(given: Path | None) -> Path:
    """Find the folder of the data sets: the given one, or the one that the environment names.

    Raises:
        FileAccessError: there is no such folder.
    """
    folder = given or Path(os.environ.get(FOLDER_VARIABLE) or os.devnull)
    if not folder.is_dir():
        reason = f"{folder} is not a folder" if given else "their folder is not named"
        raise FileAccessError(
            f"The data sets are missing, because {reason}: name it with --data-dir or in {FOLDER_VARIABLE}."
        )
    return folder


def find_data_set(folder: Path, paths: tuple[str, ...], name: str, origin: str) -> Path:
    """Find the file or folder of a data set.

    Args:
        folder: of the data sets.
        paths: where the data set may lie in the folder; the first that exists is taken.
        name: of the data set, for the message.
        origin: where a user can get it, for the message.

    Raises:
        FileAccessError: none of the paths exists.
    """
    candidates = [folder / path for path in paths]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise FileAccessError(f"{name} is missing: get {origin} and put it at {' or '.join(map(str, candidates))}.")
    return found


def read_npz(path: Path, *names: str) -> list[Array]:
    """Read arrays from an .npz file; pickled objects are refused.

    Raises:
        FormatError: the file is damaged, or has no array of one of the names.
    """
    return list(read_arrays(path, names, f"an .npz file with {', '.join(names)}").values())


def checked_dataset(path: Path, x: Array, y: Array, own_test: Bools | None) -> Dataset:
    """Make a data set, and check what every loader promises.

    Args:
        path: of the file or folder, for messages.
        x: the rows.
        y: the labels, any integer type.
        own_test: as in `Dataset`; None if the data set reserves no rows.

    Raises:
        DataError: there are no rows, rows without a label, features that are not finite, or fewer than two classes.
    """
    labels = y.astype(np.int64)
    if len(x) == 0 or labels.shape != (len(x),):
        raise DataError(f"{path} holds {len(x)} rows and labels of shape {list(labels.shape)}: get it again.")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{path} holds values that are not finite numbers: get it again.")
    if labels.min() < 0 or len(np.unique(labels)) < 2:
        raise DataError(f"{path} holds fewer than two classes, or labels below 0: get it again.")
    return Dataset(x, labels, np.zeros(len(x), bool) if own_test is None else own_test)
