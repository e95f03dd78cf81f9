"""The tables of binary features: Location30, Purchase100 and Texas100 (Shokri et al. 2017)."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_models.datasets.dataset import Dataset, data_folder, first_of, labelled, read_npz

LOCATION = "location30/location30.npz"


def load_location30(folder: Path | None = None) -> Dataset:
    """Load 5,010 rows of 446 features in 30 classes, the features packed eight to a byte.

    Raises:
        UserError: it is missing or damaged.
    """
    path = first_of(
        data_folder(folder),
        (LOCATION,),
        "Location30",
        "the location data of github.com/privacytrustlab/datasets (x_bits by numpy.packbits, n_features, y)",
    )
    packed, features, y = read_npz(path, "x_bits", "n_features", "y")
    x = np.unpackbits(packed, axis=1)[:, : int(features)]
    return labelled(path, x.astype(np.float32), y - y.min(), None)


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
    path = first_of(
        data_folder(folder),
        (f"{name}/{name}.npz", f"{name}.npz"),
        name.capitalize(),
        f"{name}.npz (features and one-hot labels, made of github.com/privacytrustlab/datasets)",
    )
    x, labels = read_npz(path, "features", "labels")
    if x.ndim != 2 or x.shape[1] != features or x.dtype.kind not in "biuf":
        raise UserError(f"{path} holds features of shape {list(x.shape)}, {x.dtype}, not numbers [n, {features}].")
    if len(labels) == 0 or labels.dtype.kind not in "biuf":
        raise UserError(f"{path} holds {len(labels)} labels of {labels.dtype}.")
    return labelled(path, x.astype(np.float32), _classes(labels), None)


def _classes(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn one-hot rows [n, k], or numbers from 0 or 1 on, into numbers from 0 on."""
    return np.asarray(labels.argmax(axis=1) if labels.ndim == 2 else labels - labels.min())
