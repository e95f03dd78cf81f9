"""A model's inputs: their names, types and axes, and made-up values for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError

Arrays = dict[str, npt.NDArray[np.generic]]

BATCH = 2
IMAGE_SIDE = 64
LENGTH = 8


@dataclass(frozen=True)
class TensorSpec:
    """One input of a model.

    Attributes:
        name: as the model calls it.
        dtype: NumPy's name of its type.
        shape: a number for a fixed axis, a name for a dynamic one.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}:{','.join(map(str, self.shape))}:{self.dtype}"


def parse_spec(text: str) -> TensorSpec:
    """Read NAME:SHAPE[:DTYPE], as in `x:batch,3,32,32` or `input_ids:batch,sequence:int64`.

    Raises:
        UserError: the text has another form.
    """
    name, _, rest = text.partition(":")
    shape, _, dtype = rest.partition(":")
    axes = [axis.strip() for axis in shape.split(",")]
    if not name or not all(axis.isdigit() or axis.isidentifier() for axis in axes):
        raise UserError(f"--input {text} is not NAME:SHAPE[:DTYPE], as in x:batch,3,32,32 or ids:batch,length:int64.")
    try:
        kind = np.dtype(dtype or "float32").name
    except TypeError as error:
        raise UserError(f"--input {text} names no known type: {dtype} (float32, int64, …).") from error
    return TensorSpec(name, kind, tuple(int(a) if a.isdigit() else a for a in axes))


def specs_of(example: Mapping[str, npt.NDArray[np.generic]]) -> tuple[TensorSpec, ...]:
    """Describe example values; their first axis is taken for the batch, the others for fixed."""
    return tuple(TensorSpec(name, array.dtype.name, ("batch", *array.shape[1:])) for name, array in example.items())


def axis_name(input_name: str, place: int) -> str:
    """Name an axis that has no name, or none for people."""
    return "batch" if place == 0 else f"{input_name}_axis_{place}"


def draw(specs: Sequence[TensorSpec], rows: int = BATCH, sizes: Mapping[str, int] | None = None) -> Arrays:
    """Make up values: normals for floats, ones for integers, the same size for the same axis name.

    Args:
        specs: of the inputs.
        rows: the size of a dynamic batch.
        sizes: of other dynamic axes, by name, for which not any size will do.
    """
    generator = np.random.default_rng(0)
    chosen = dict(sizes or {})
    arrays: Arrays = {}
    for spec in specs:
        shape = []
        for axis, size in enumerate(spec.shape):
            made_up = rows if axis == 0 else IMAGE_SIDE if len(spec.shape) >= 4 else LENGTH
            shape.append(size if isinstance(size, int) else chosen.setdefault(size, made_up))
        dtype = np.dtype(spec.dtype)
        values = generator.standard_normal(shape) if dtype.kind == "f" else np.ones(shape)
        arrays[spec.name] = values.astype(dtype)
    return arrays


def read_example(path: Path) -> Arrays:
    """Read example values from an .npz file: an array for each input, at most 32 rows of each, at least two.

    Raises:
        UserError: the file can't be read, or holds no rows.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name][:32] for name in archive.files}
    except Exception as error:  # whatever a parser of foreign bytes can raise
        raise UserError(f"{path} is not an .npz file of arrays: {error}") from error
    if not arrays or any(array.ndim == 0 or array.shape[0] == 0 for array in arrays.values()):
        raise UserError(f"{path} holds no example: an array with rows is needed for each input.")
    # A single row would make the exporter take the batch axis for a fixed one.
    return {name: np.concatenate([a, a]) if a.shape[0] == 1 else a for name, a in arrays.items()}
