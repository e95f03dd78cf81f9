"""Bundles: rows of data with labels and membership, which pass between commands."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.array_files import array_names, read_arrays
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.files import folder_written_whole, require_writable, sha256, written_whole
from dynanoise_export.types import Array, Arrays, Bools, Int64s, row_count

SINGLE = "x"
PREFIX = "inputs."
KIND = "a bundle, an .npz or a folder of .npy files"
# More classes than any classifier has; a double holds every whole number up to it.
LARGEST_LABEL = 1 << 31


class Part(StrEnum):
    """The part that a row of a bundle belongs to, in its array `split`."""

    MEMBER = "member"
    NON_MEMBER = "non-member"
    AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class Bundle:
    """Rows of data.

    Attributes:
        path: of the file or folder.
        inputs: for each input of the model an array of n rows.
        y: int64 [n], the labels; None if the bundle has none.
        member: bool [n], whether the row is in the training set; None if the bundle does not say.
        split: str [n], values of `Part`; None if the bundle does not say. Auxiliary rows are non-members that are
            reserved for an attacker's own models.
    """

    path: Path
    inputs: dict[str, Array]
    y: Int64s | None
    member: Bools | None
    split: npt.NDArray[np.str_] | None

    def __len__(self) -> int:
        return row_count(self.inputs)

    @classmethod
    def load(cls, path: str | Path, inputs: Sequence[str] = (SINGLE,)) -> "Bundle":
        """Open a bundle.

        Args:
            path: of the file or folder.
            inputs: the names of the model's inputs.

        Raises:
            UserError: it can't be read, has no rows, or has no array for an input of the model.
        """
        return load_bundle(Path(path), list(inputs))


def load_bundle(path: Path, names: list[str]) -> Bundle:
    """Open a bundle: an `.npz`, or a folder of `.npy` files, which are mapped into memory.

    Args:
        path: of the file or folder.
        names: of the model's inputs; a model with one input takes `x`.

    Raises:
        UserError: it can't be read, has no rows, or has no array for an input of the model.
    """
    there = array_names(path, KIND, DataError)
    wanted = {SINGLE, *(PREFIX + name for name in names), "y", "member", "split"}
    arrays = read_arrays(path, wanted.intersection(there), KIND, DataError)
    inputs = {name: arrays[PREFIX + name] for name in names if PREFIX + name in arrays}
    if len(names) == 1 and SINGLE in arrays:
        inputs = {names[0]: arrays[SINGLE]}
    missing = [name for name in names if name not in inputs]
    if missing:
        raise DataError(
            f"{path} has no array for the input {missing[0]!r}: name it x or {PREFIX}{missing[0]}; the bundle has "
            f"{', '.join(sorted(there)) or 'no arrays'}."
        )
    y, member, split = (arrays.get(name) for name in ("y", "member", "split"))
    rows = {array.shape[:1] for array in (*inputs.values(), y, member, split) if array is not None}
    if len(rows) != 1 or rows == {()}:
        raise DataError(f"The arrays in {path} differ in their number of rows.")
    if any(0 in array.shape for array in inputs.values()):
        raise DataError(f"{path} has no rows, or rows without values.")
    return Bundle(
        path,
        inputs,
        None if y is None else _labels(path, y),
        None if member is None else _membership(path, member),
        None if split is None else _parts(path, split),
    )


def _labels(path: Path, y: npt.NDArray[Any]) -> Int64s:
    """Give labels as integers, whatever type they have, if each is one whole number."""
    if y.ndim == 1 and y.dtype.kind in "biuf" and np.all(np.isfinite(y)) and y.min() >= -LARGEST_LABEL:
        labels: Int64s = np.minimum(y, LARGEST_LABEL).astype(np.int64)
        if np.array_equal(labels, y):
            return labels
    raise DataError(f"The labels y in {path} must be one whole number for each row, the number of its class.")


def _membership(path: Path, member: Array) -> Bools:
    """Give membership as truth values, whatever type it has, if each is one of 0 and 1."""
    if member.ndim != 1 or member.dtype.kind not in "biuf" or not np.isin(member, (0, 1)).all():
        raise DataError(f"The array member in {path} must be true or false for each row.")
    return np.asarray(member != 0)


def _parts(path: Path, split: Array) -> npt.NDArray[np.str_]:
    """Give the parts of the rows, if each is one that there is."""
    known = np.array(list(Part))
    if split.ndim != 1 or split.dtype.kind not in "SU" or not np.isin(split, known.astype(split.dtype.kind)).all():
        raise DataError(f"The array split in {path} must be {', '.join(Part)} for each row.")
    return split.astype(np.str_)


def save_bundle(path: Path, inputs: Arrays, y: Int64s, split: npt.NDArray[np.str_]) -> None:
    """Write a bundle: an `.npz` if the path ends in `.npz`, else a folder of `.npy` files.

    Args:
        path: of the file or folder, which is replaced if it exists; see `require_bundle_writable`.
        inputs: for each input of the model an array of n rows.
        y: int64 [n], the labels.
        split: str [n], a value of `Part` for each row.

    Raises:
        UserError: it can't be written, or a row is both a member and a non-member.
    """
    member = split == Part.MEMBER
    require_disjoint(path, inputs, member)
    single = len(inputs) == 1
    named = {SINGLE if single else PREFIX + name: value for name, value in inputs.items()}
    arrays = {**named, "y": y, "member": member, "split": split.astype(np.str_)}
    if path.suffix == ".npz":
        with written_whole(path) as staged, staged.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return
    with folder_written_whole(path) as staged:
        for name, array in arrays.items():
            np.save(staged / f"{name}.npy", array)


def require_bundle_writable(path: Path) -> None:
    """Check, before long work, that a bundle can be written.

    Raises:
        UserError: it can't, or a file or folder that is not a bundle is there.
    """
    if path.suffix == ".npz":
        require_writable(path)
    elif path.is_file() or (path.is_dir() and any(file.suffix != ".npy" for file in path.iterdir())):
        raise UsageError(f"Can't write the bundle {path}: something that is not a bundle is there and would be lost.")
    else:
        require_writable(path / "x.npy" if path.is_dir() else path)


def bundle_sha256(path: Path) -> str:
    """Compute the SHA-256 of a bundle, whether it is a file or a folder."""
    return sha256(*path.glob("*.npy")) if path.is_dir() else sha256(path)


def require_disjoint(path: Path, inputs: Arrays, member: Bools) -> None:
    """Check that no row is both a member and a non-member: an attack on such rows measures nothing.

    Raises:
        DataError: there are such rows.
    """
    rows = digests(inputs)
    shared = np.isin(rows[~member], rows[member]).sum()
    if shared:
        raise DataError(f"{path} can't be audited: {shared} of its non-members are equal to members; remove them.")


def digests(inputs: Arrays) -> npt.NDArray[np.bytes_]:
    """Compute for each row a digest of its values in all inputs, [n]; equal rows have equal digests."""
    rows = zip(*inputs.values(), strict=True)
    return np.array([hashlib.blake2b(b"".join(map(_bytes, row)), digest_size=16).hexdigest() for row in rows], "S32")


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
