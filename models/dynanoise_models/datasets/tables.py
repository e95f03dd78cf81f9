"""The tables of binary features: Location30, Purchase100 and Texas100 (Shokri et al. 2017)."""

from pathlib import Path

import numpy as np

from dynanoise_export.errors import FormatError
from dynanoise_export.types import Array, Int64s
from dynanoise_models.datasets.dataset import Dataset, checked_dataset, data_folder, find_data_set, read_npz

LOCATION = "location30/location30.npz"
NUMBERS = "biuf"  # the kinds of NumPy's types: truth values, integers and floats


def load_location30(folder: Path | None = None) -> Dataset:
    """Load 5,010 rows of 446 features in 30 classes; the file packs eight features into a byte.

    Raises:
        UserError: it is missing or damaged.
    """
    path = find_data_set(
        data_folder(folder),
        (LOCATION,),
        "Location30",
        "the location data of github.com/privacytrustlab/datasets (x_bits by numpy.packbits, n_features, y)",
    )
    packed, features, y = read_npz(path, "x_bits", "n_features", "y")
    x = np.unpackbits(packed.astype(np.uint8, copy=False), axis=1)[:, : int(features.astype(np.int64))]
    return checked_dataset(path, x.astype(np.float32), _from_zero(y), None)


def load_purchase100(folder: Path | None = None) -> Dataset:
    """Load 197,324 rows of 600 features in 100 classes from the public `purchase100.npz`.

    Raises:
        UserError: it is missing or damaged.
    """
    return _read_public(folder, "purchase100", 600)


def load_texas100(folder: Path | None = None) -> Dataset:
    """Load 67,330 rows of 6,169 features in 100 classes from the public `texas100.npz`.

    Raises:
        UserError: it is missing or damaged.
    """
    return _read_public(folder, "texas100", 6169)


def _read_public(folder: Path | None, name: str, features: int) -> Dataset:
    path = find_data_set(
        data_folder(folder),
        (f"{name}/{name}.npz", f"{name}.npz"),
        name.capitalize(),
        f"{name}.npz (features and one-hot labels, made from github.com/privacytrustlab/datasets)",
    )
    x, labels = read_npz(path, "features", "labels")
    if x.ndim != 2 or x.shape[1] != features or x.dtype.kind not in NUMBERS:
        raise FormatError(f"{path} holds features of shape {list(x.shape)}, {x.dtype}, not numbers [n, {features}].")
    if len(labels) == 0 or labels.dtype.kind not in NUMBERS:
        raise FormatError(f"{path} holds {len(labels)} labels of {labels.dtype}, not one number for each row.")
    y = np.asarray(labels.argmax(axis=1)) if labels.ndim == 2 else _from_zero(labels)
    return checked_dataset(path, x.astype(np.float32), y, None)


def _from_zero(labels: Array) -> Int64s:
    """Count labels from 0 on, whatever number they start at."""
    numbers = labels.astype(np.int64)
    return np.asarray(numbers - numbers.min())
