"""Bundles: rows of data with labels and membership, which pass between commands."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.array_files import array_names, read_arrays
from dynanoise_export.dataset_rows import join_datasets, read_dataset
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.files import folder_written_whole, require_writable, sha256, written_whole
from dynanoise_export.label_forms import canaries_of, groups_of, labels_of, membership_of, numbered
from dynanoise_export.types import Array, Arrays, Bools, Int64s, row_count

SINGLE = "x"
PREFIX = "inputs."
KIND = "a bundle, an .npz or a folder of .npy files"
# In messages, the path of a bundle that has not been saved.
UNSAVED = Path("the unsaved bundle")
# What people have before they have a bundle.
SOURCES = frozenset({".csv", ".tsv", ".jsonl", ".parquet", ".npy"})


class Part(StrEnum):
    """The part that a row of a bundle belongs to, in its array `split`."""

    MEMBER = "member"
    NON_MEMBER = "non-member"
    AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class Bundle:
    """Rows of data.

    Attributes:
        path: of the file or folder; `UNSAVED` before it is saved.
        inputs: for each input of the model an array of n rows.
        y: int64 [n], the labels; None if the bundle has none.
        member: bool [n], whether the row is in the training set; None if the bundle does not say.
        split: str [n], values of `Part`; None if the bundle does not say. Auxiliary rows are non-members that are
            reserved for an attacker's own models.
        group: str [n], whom each row is about, such as a user or a patient; None if the bundle does not say.
        classes: the names of the classes, in the order of their numbers; empty if the bundle does not state them.
        canary: bool [n], whether the row has a wrong label on purpose, members and non-members alike; None if the
            bundle does not say.
    """

    path: Path
    inputs: dict[str, Array]
    y: Int64s | None
    member: Bools | None
    split: npt.NDArray[np.str_] | None
    group: npt.NDArray[np.str_] | None = None
    classes: tuple[str, ...] = ()
    canary: Bools | None = None

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

    @classmethod
    def from_dataset(
        cls,
        *,
        members: Iterable[Any],
        non_members: Iterable[Any],
        auxiliary: Iterable[Any] | None = None,
        label: str = "label",
        classes: Sequence[str] = (),
    ) -> "Bundle":
        """Make a bundle of data sets in memory; `save` writes it.

        A data set is a PyTorch `Dataset`, or anything else that gives rows one by one: as (row, label), as
        (row, label, group), or as dicts with a label and, if there are groups, a "group". A row is an array, a tensor,
        a number, or a dict with one of these for each input of the model, as the model takes it.

        Args:
            members: the rows that the model was trained on, without augmentation.
            non_members: rows of the same kind that it was not trained on.
            auxiliary: more non-members, reserved for an attacker's own models.
            label: the name of the label in a dict.
            classes: the names of the classes in their order, for labels that are names; sorted if they are not given.

        Raises:
            UserError: a data set has no rows, rows of another form or of different shapes, or changes them at random.
        """
        given = {Part.MEMBER: members, Part.NON_MEMBER: non_members, Part.AUXILIARY: auxiliary}
        read = {
            part: read_dataset(f"The {part} data set", rows, label) for part, rows in given.items() if rows is not None
        }
        split = np.repeat(list(read), [len(rows) for rows in read.values()]).astype(np.str_)
        rows = join_datasets(list(read.values()))
        labels = numbered(str(UNSAVED), rows.labels, classes)
        group = None if rows.group is None else groups_of(str(UNSAVED), rows.group)
        return cls(UNSAVED, rows.inputs, labels.y, split == Part.MEMBER, split, group, labels.classes)

    def save(self, path: str | Path) -> "Bundle":
        """Write the bundle: an `.npz` if the path ends in `.npz`, else a folder of `.npy` files.

        Returns:
            The bundle with its new path.

        Raises:
            UserError: it can't be written, has no labels or no membership, or a row is both a member and a non-member.
        """
        if self.y is None or self.member is None:
            raise DataError(f"{self.path} has no labels or no membership, and a bundle for an audit needs both.")
        split = np.where(self.member, Part.MEMBER, Part.NON_MEMBER) if self.split is None else self.split
        require_bundle_writable(Path(path))
        parts = split.astype(np.str_)
        save_bundle(Path(path), self.inputs, self.y, parts, group=self.group, classes=self.classes, canary=self.canary)
        return replace(self, path=Path(path))


def load_bundle(path: Path, names: list[str]) -> Bundle:
    """Open a bundle: an `.npz`, or a folder of `.npy` files, which are mapped into memory.

    Args:
        path: of the file or folder.
        names: of the model's inputs; a model with one input takes `x`.

    Raises:
        UserError: it can't be read, has no rows, or has no array for an input of the model.
    """
    _require_bundle(path)
    there = array_names(path, KIND, DataError)
    wanted = {SINGLE, *(PREFIX + name for name in names), "y", "member", "split", "group", "classes", "canary"}
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
    y, member, split, group, canary = (arrays.get(name) for name in ("y", "member", "split", "group", "canary"))
    rows = {array.shape[:1] for array in (*inputs.values(), y, member, split, group, canary) if array is not None}
    if len(rows) != 1 or rows == {()}:
        raise DataError(f"The arrays in {path} differ in their number of rows.")
    if any(0 in array.shape for array in inputs.values()):
        raise DataError(f"{path} has no rows, or rows without values.")
    classes = _class_names(path, arrays.get("classes"))
    return Bundle(
        path,
        inputs,
        None if y is None else labels_of(str(path), y, classes),
        None if member is None else membership_of(str(path), member),
        None if split is None else _parts(path, split),
        None if group is None else groups_of(str(path), group),
        classes,
        None if canary is None else canaries_of(str(path), canary),
    )


def _require_bundle(path: Path) -> None:
    """Refuse what a bundle can be made of, and name the command that does it.

    Raises:
        DataError: the path is that of a table, a single array, or a folder of other files.
    """
    other_folder = path.is_dir() and not any(path.glob("*.npy"))
    if path.exists() and (path.suffix.lower() in SOURCES or other_folder):
        raise DataError(
            f"{path} is not a bundle, an .npz or a folder of .npy files: make one of it with dynanoise-export bundle, "
            "which takes tables, images, texts and arrays."
        )


def _parts(path: Path, split: Array) -> npt.NDArray[np.str_]:
    """Give the parts of the rows, if each is one that there is."""
    known = np.array(list(Part))
    if split.ndim != 1 or split.dtype.kind not in "SU" or not np.isin(split, known.astype(split.dtype.kind)).all():
        raise DataError(f"The array split in {path} must be {', '.join(Part)} for each row.")
    return split.astype(np.str_)


def _class_names(path: Path, names: Array | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) < len(names):
        raise DataError(f"The array classes in {path} must name each class once.")
    return tuple(names.tolist())


def input_names(path: Path) -> list[str]:
    """List the inputs that a bundle has rows for: "x", or the names after "inputs.", sorted.

    Raises:
        UserError: it can't be read, or has rows for no input.
    """
    _require_bundle(path)
    there = array_names(path, KIND, DataError)
    names = [SINGLE] if SINGLE in there else sorted(n.removeprefix(PREFIX) for n in there if n.startswith(PREFIX))
    if not names:
        raise DataError(f"{path} has no rows: it needs an array x, or {PREFIX}NAME for each input.")
    return names


def save_bundle(
    path: Path,
    inputs: Arrays,
    y: Int64s,
    split: npt.NDArray[np.str_],
    *,
    group: npt.NDArray[np.str_] | None = None,
    classes: Sequence[str] = (),
    canary: Bools | None = None,
) -> None:
    """Write a bundle: an `.npz` if the path ends in `.npz`, else a folder of `.npy` files.

    Args:
        path: of the file or folder, which is replaced if it exists; see `require_bundle_writable`.
        inputs: for each input of the model an array of n rows.
        y: int64 [n], the labels.
        split: str [n], a value of `Part` for each row.
        group: str [n], whom each row is about; None to leave it out.
        classes: the names of the classes, in the order of their numbers; empty to leave them out.
        canary: bool [n], whether the row has a wrong label on purpose; None to leave it out.

    Raises:
        UserError: it can't be written, or a row is both a member and a non-member.
    """
    member = split == Part.MEMBER
    require_disjoint(path, inputs, member)
    single = len(inputs) == 1
    named = {SINGLE if single else PREFIX + name: value for name, value in inputs.items()}
    arrays = {**named, "y": y, "member": member, "split": split.astype(np.str_)}
    names = np.array(list(classes), np.str_) if classes else None
    texts = None if group is None else group.astype(np.str_)
    optional = {"group": texts, "canary": canary, "classes": names}
    arrays |= {name: array for name, array in optional.items() if array is not None}
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
