"""Bundles: rows of data with their labels and their membership, which pass between commands."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_export.files import folder_written_whole, require_writable, sha256, written_whole

Arrays = Mapping[str, npt.NDArray[Any]]

SINGLE = "x"
PREFIX = "inputs."


class Part(StrEnum):
    """What a row of a bundle is, in its array `split`."""

    MEMBER = "member"
    NON_MEMBER = "non-member"
    AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class Bundle:
    """Rows of data.

    Attributes:
        path: of the file or folder.
        inputs: an array for each input of the model, the rows first, all of n rows.
        y: int64 [n], the labels.
        member: bool [n], whether the row was trained on; None where the bundle does not say.
        split: str [n], a value of `Part`; None where the bundle does not say. Auxiliary rows are no members, and are
            left for an attacker's own models.
    """

    path: Path
    inputs: dict[str, npt.NDArray[np.generic]]
    y: npt.NDArray[np.int64] | None
    member: npt.NDArray[np.bool_] | None
    split: npt.NDArray[np.str_] | None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def load_bundle(path: Path, names: list[str]) -> Bundle:
    """Open a bundle: an `.npz`, or a folder of `.npy` files, which are mapped into memory.

    Args:
        path: of the file or folder.
        names: of the model's inputs; a model with one input takes `x`.

    Raises:
        UserError: it can't be read, holds no rows, or not the inputs that the model takes.
    """
    arrays = _arrays(path)
    inputs = {name: arrays[PREFIX + name] for name in names if PREFIX + name in arrays}
    if len(names) == 1 and SINGLE in arrays:
        inputs = {names[0]: arrays[SINGLE]}
    missing = [name for name in names if name not in inputs]
    if missing:
        raise UserError(
            f"{path} has no array for the input {missing[0]!r} (x, or {PREFIX}{missing[0]}): it has "
            f"{', '.join(sorted(arrays)) or 'nothing'}."
        )
    y, member, split = (arrays.get(name) for name in ("y", "member", "split"))
    rows = {array.shape[:1] for array in (*inputs.values(), y, member, split) if array is not None}
    if len(rows) != 1 or rows == {()}:
        raise UserError(f"The arrays in {path} differ in their number of rows.")
    if rows == {(0,)}:
        raise UserError(f"{path} holds no rows.")
    return Bundle(
        path,
        inputs,
        None if y is None else y.astype(np.int64),
        None if member is None else member != 0,
        None if split is None else split.astype(np.str_),
    )


def save_bundle(path: Path, inputs: Arrays, y: npt.NDArray[np.int64], split: npt.NDArray[np.str_]) -> None:
    """Write a bundle: an `.npz` if the path ends so, and a folder of `.npy` files elsewhere.

    Args:
        path: of the file or folder; what is there is replaced, a folder only where it is a bundle itself.
        inputs: an array for each input of the model, all of n rows.
        y: int64 [n], the labels.
        split: str [n], a value of `Part` for each row.

    Raises:
        UserError: it can't be written, or a row is both member and non-member.
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
        UserError: it can't, or another folder is in its place.
    """
    if path.suffix == ".npz":
        require_writable(path)
    elif path.is_file() or (path.is_dir() and any(file.suffix != ".npy" for file in path.iterdir())):
        raise UserError(f"Can't write the bundle {path}: something else is there, and it would be lost.")
    else:
        require_writable(path / "x.npy" if path.is_dir() else path)


def bundle_sha256(path: Path) -> str:
    """Digest a bundle, be it a file or a folder."""
    return sha256(*path.glob("*.npy")) if path.is_dir() else sha256(path)


def require_disjoint(path: Path, inputs: Arrays, member: npt.NDArray[np.bool_]) -> None:
    """Check that no row is both a member and none: an attack on such rows measures nothing.

    Raises:
        UserError: there are such rows.
    """
    rows = digests(inputs)
    shared = np.isin(rows[~member], rows[member]).sum()
    if shared:
        raise UserError(f"{path} is no audit: {shared} of its non-members are members as well, value for value.")


def digests(inputs: Arrays) -> npt.NDArray[np.bytes_]:
    """Give each row a digest [n] of its values in all inputs; equal rows have equal ones."""
    rows = zip(*inputs.values(), strict=True)
    return np.array([hashlib.blake2b(b"".join(map(_bytes, row)), digest_size=16).hexdigest() for row in rows], "S32")


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else np.ascontiguousarray(value).tobytes()


def _arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        if path.is_dir():
            return {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in path.glob("*.npy")}
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except Exception as error:  # whatever a parser of foreign bytes can raise
        raise UserError(f"{path} is not a bundle, an .npz or a folder of .npy files: {error}") from error
