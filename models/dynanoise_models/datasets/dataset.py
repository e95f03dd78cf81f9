"""A data set in memory, and how a loader finds its files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError, first_line

FOLDER_VARIABLE = "DYNANOISE_DATA"


@dataclass(frozen=True)
class Dataset:
    """Rows with their labels.

    Attributes:
        x: images float32 [n, channels, side, side], normalised; features float32 [n, f]; or sentences, str [n].
        y: int64 [n], from 0.
        own_test: bool [n], the rows that the set itself puts aside for testing; no target is trained on them.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[np.int64]
    own_test: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.y)


def data_folder(given: Path | None) -> Path:
    """Give the folder of the data sets: the one given, or that of the environment.

    Raises:
        UserError: neither names a folder.
    """
    named = given or Path(os.environ.get(FOLDER_VARIABLE) or os.devnull)
    if not named.is_dir():
        told = f"{named} is no folder" if given else "no folder is named"
        raise UserError(f"The data sets are missing: {told}; name it with --data-dir or in {FOLDER_VARIABLE}.")
    return named


def first_of(folder: Path, places: tuple[str, ...], name: str, source: str) -> Path:
    """Find a data set in one of the places under the folder where it may lie.

    Args:
        folder: of the data sets.
        places: relative paths, the first that is there is taken.
        name: of the data set, for the message.
        source: where a user gets it.

    Raises:
        UserError: it lies in none of them.
    """
    candidates = [folder / place for place in places]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise UserError(f"{name} is missing: get {source} and put it at {' or '.join(map(str, candidates))}.")
    return found


def read_npz(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """Read arrays from an .npz file; nothing pickled is opened.

    Raises:
        UserError: it is damaged, or lacks one of them.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return [archive[name] for name in names]
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is not an .npz file with {', '.join(names)}: {first_line(error)}") from error


def labelled(path: Path, x: npt.NDArray[Any], y: npt.NDArray[Any], own_test: npt.NDArray[np.bool_] | None) -> Dataset:
    """Put a data set together and check what every loader promises.

    Raises:
        UserError: there are no rows, rows without a label, features that are no finite numbers, or one class alone.
    """
    labels = np.asarray(y).astype(np.int64)
    if len(x) == 0 or labels.shape != (len(x),):
        raise UserError(f"{path} holds {len(x)} rows and labels of shape {list(labels.shape)}.")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise UserError(f"{path} holds values that are not finite numbers.")
    if labels.min() < 0 or len(np.unique(labels)) < 2:
        raise UserError(f"{path} holds fewer than two classes, or labels below 0.")
    return Dataset(x, labels, np.zeros(len(x), bool) if own_test is None else own_test)
