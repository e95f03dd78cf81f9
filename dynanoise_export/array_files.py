"""Arrays from `.npz` and `.npy` files of strangers: what a header promises is checked before memory is taken for it."""

import math
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from dynanoise_export.errors import FormatError, UserError
from dynanoise_export.records import reading
from dynanoise_export.types import Array

# The kinds of NumPy's types that are numbers, truth values or texts: no objects, records or bytes without a type.
KINDS = "biufcSU"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# More than this is unpacked only from a file that is not far smaller than its arrays. Features that are almost all 0
# pack to a hundredth of their size; zeros alone to a thousandth, which is how a small file fills a memory.
UNPACKED, PACKED_SHARE = 1 << 30, 200
SUFFIX = ".npy"


def array_names(path: Path, kind: str, error: type[UserError] = FormatError) -> list[str]:
    """List the arrays of an `.npz` file or of a folder of `.npy` files.

    Args:
        path: of the file or folder.
        kind: what it should be, as in "an .npz file", for messages.
        error: the kind of error for a damaged file.

    Raises:
        FileAccessError: it is missing or can't be read.
        UserError: of the kind `error`: it is something else, or damaged.
    """
    with reading(path, kind, error):
        if path.is_dir():
            return sorted(file.stem for file in path.glob(f"*{SUFFIX}"))
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(SUFFIX) for name in archive.namelist() if name.endswith(SUFFIX)]


def read_arrays(
    path: Path, names: Collection[str], kind: str, error: type[UserError] = FormatError
) -> dict[str, Array]:
    """Read arrays of an `.npz` file, or map those of a folder of `.npy` files into memory.

    Args:
        path: of the file or folder.
        names: of the arrays; `array_names` lists them.
        kind: what the file should be, for messages.
        error: the kind of error for a damaged file.

    Raises:
        FileAccessError: it is missing or can't be read.
        UserError: of the kind `error`: an array is damaged, or holds other things than numbers, truth values and texts.
    """
    if path.is_dir():
        return {name: map_array(path / f"{name}{SUFFIX}", error) for name in names}
    with reading(path, kind, error), zipfile.ZipFile(path) as archive:
        members = {name: archive.getinfo(f"{name}{SUFFIX}") for name in names}
        for name, member in members.items():
            with archive.open(member) as file, _naming(path, name, error):
                _check_header(file, member.file_size)
        _require_no_bomb(path, list(members.values()), error)
        return {name: _read(archive, member) for name, member in members.items()}


def map_array(path: Path, error: type[UserError] = FormatError) -> Array:
    """Map the array of an `.npy` file into memory.

    Raises:
        FileAccessError: it is missing or can't be read.
        UserError: of the kind `error`: it is damaged, or holds other things than numbers, truth values and texts.
    """
    with reading(path, "an .npy file", error):
        with path.open("rb") as file, _naming(path, path.stem, error):
            _check_header(file, path.stat().st_size)
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


@contextmanager
def _naming(path: Path, name: str, error: type[UserError]) -> Iterator[None]:
    """Name the array in the error about its header."""
    try:
        yield
    except TypeError as other:
        raise error(f"The array {name!r} in {path} {other}.") from other


def _check_header(file: IO[bytes], size: int) -> None:
    """Check what an array holds, and that it has as many bytes as its header says.

    Raises:
        TypeError: it holds no numbers or texts.
        ValueError: the header is damaged.
    """
    shape, _, dtype = HEADERS[npy.read_magic(file)](file)
    if dtype.kind not in KINDS or not dtype.itemsize:
        raise TypeError(f"holds values of the type {dtype}, which are neither numbers nor texts")
    if math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"an array of shape {list(shape)} has another number of bytes")


def _require_no_bomb(path: Path, members: list[zipfile.ZipInfo], error: type[UserError]) -> None:
    size, packed = sum(one.file_size for one in members), sum(one.compress_size for one in members)
    if size > UNPACKED and size > PACKED_SHARE * packed:
        raise error(
            f"{path} would unpack {packed:,} bytes to {size:,}, as files do that fill a memory: if it is yours, save "
            "its arrays as a folder of .npy files."
        )


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
    return array
