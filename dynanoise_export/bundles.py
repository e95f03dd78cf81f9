"""Bundles: rows of data with their labels and their membership, which pass between commands."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError

SINGLE = "x"
PREFIX = "inputs."


@dataclass(frozen=True)
class Bundle:
    """Rows of data.

    Attributes:
        path: of the file or folder.
        inputs: an array for each input of the model, the rows first, all of n rows.
        y: int64 [n], the labels.
        member: bool [n], whether the row was trained on; None where the bundle does not say.
    """

    path: Path
    inputs: dict[str, npt.NDArray[np.generic]]
    y: npt.NDArray[np.int64] | None
    member: npt.NDArray[np.bool_] | None

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
    y, member = arrays.get("y"), arrays.get("member")
    rows = {array.shape[:1] for array in (*inputs.values(), y, member) if array is not None}
    if len(rows) != 1 or rows == {()}:
        raise UserError(f"The arrays in {path} differ in their number of rows.")
    if rows == {(0,)}:
        raise UserError(f"{path} holds no rows.")
    return Bundle(path, inputs, None if y is None else y.astype(np.int64), None if member is None else member != 0)


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
