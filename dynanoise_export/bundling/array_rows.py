"""Rows that are arrays already: an `.npz`, a folder of `.npy` files, or single `.npy` files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dynanoise_export.array_files import array_names, map_array, read_arrays
from dynanoise_export.bundles import PREFIX, SINGLE
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.bundling.source_rows import SourceRows
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.label_forms import NUMBERS, canaries_of, groups_of
from dynanoise_export.types import Array

KIND = "an .npz file or a folder of .npy files"
LABEL, MEMBER, GROUP = "y", "member", "group"
# What a bundle has beside them: the part of each row, which says more than its membership, the names of classes, and
# which rows have a wrong label on purpose.
SPLIT, CLASSES, CANARY = "split", "classes", "canary"


def is_arrays(path: Path) -> bool:
    """Whether a path is that of arrays."""
    return path.suffix.lower() in (".npz", ".npy") or (path.is_dir() and any(path.glob("*.npy")))


def read_array_rows(path: Path, request: BundleRequest) -> SourceRows:
    """Read rows from arrays.

    Args:
        path: of an `.npz` or of a folder of `.npy` files, with `x` or `inputs.NAME` for each input; or of one `.npy`
            file with `x`, and then the request names other `.npy` files.
        request: names the arrays with labels, membership and groups; by default those of a bundle.

    Raises:
        UserError: an array is missing or damaged, or the arrays differ in their number of rows.
    """
    arrays = _single(path, request) if path.suffix.lower() == ".npy" else _named(path, request)
    classes = arrays.pop(CLASSES, np.zeros(0))
    inputs = {name.removeprefix(PREFIX): array for name, array in arrays.items() if _is_input(name)}
    if not inputs:
        raise DataError(f"{path} has no array x, and no arrays inputs.NAME: it has {', '.join(arrays)}.")
    strange = [name for name, array in inputs.items() if array.dtype.kind not in NUMBERS]
    if strange:
        raise DataError(f"The array {strange[0]!r} in {path} does not hold numbers.")
    counts = {array.shape[:1] for array in arrays.values()}
    if len(counts) != 1 or counts == {()}:
        raise DataError(f"The arrays in {path} differ in their number of rows.")
    group, canary = arrays.get(GROUP), arrays.get(CANARY)
    return SourceRows(
        inputs,
        arrays[LABEL],
        arrays.get(MEMBER),
        group=None if group is None else groups_of(str(path), group),
        canary=None if canary is None else canaries_of(str(path), canary),
        classes=tuple(map(str, classes.reshape(-1).tolist())),
    )


def _is_input(name: str) -> bool:
    return name == SINGLE or name.startswith(PREFIX)


def _named(path: Path, request: BundleRequest) -> dict[str, Array]:
    """Read the inputs of a file with several arrays, and the other arrays under their usual names."""
    there = array_names(path, KIND, DataError)
    if (request.label or LABEL) not in there:
        raise DataError(
            f"{path} has no array {request.label or LABEL!r} with labels: name it with --label; it has "
            f"{', '.join(there) or 'no arrays'}."
        )
    asked = {LABEL: request.label, MEMBER: request.member, GROUP: request.group}
    missing = [name for name in asked.values() if name is not None and name not in there]
    if missing:
        raise DataError(f"{path} has no array {missing[0]!r}: it has {', '.join(there)}.")
    usual = {key: name or key for key, name in asked.items() if (name or key) in there}
    if request.member is None and SPLIT in there:
        usual[MEMBER] = SPLIT
    usual |= {name: name for name in (CLASSES, CANARY) if name in there}
    wanted = {name: name for name in there if _is_input(name)} | usual
    read = read_arrays(path, set(wanted.values()), KIND, DataError)
    return {key: read[name] for key, name in wanted.items()}


def _single(path: Path, request: BundleRequest) -> dict[str, Array]:
    """Read the rows of one `.npy` file, and other files with their labels, membership and groups."""
    if request.label is None or len(request.sources) > 1:
        raise UsageError(
            f"{path} holds rows alone: give --label Y.npy and --member MEMBER.npy, or for each part a folder or an "
            ".npz with x and y."
        )
    asked: Mapping[str, str | None] = {LABEL: request.label, MEMBER: request.member, GROUP: request.group}
    files = {SINGLE: path} | {key: Path(name) for key, name in asked.items() if name is not None}
    return {key: map_array(file, DataError) for key, file in files.items()}
