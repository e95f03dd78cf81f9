"""A model's inputs: their names, types and axes, and made-up values for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError, first_line

Arrays = dict[str, npt.NDArray[np.generic]]

# The kinds of NumPy's types that a model takes: truth values, integers and floats.
NUMBERS = "biuf"
# What makes a bundle of an .npz file, and how it calls the inputs of a model with several.
BUNDLE, BUNDLED = {"y", "member"}, "inputs."

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

    The name may hold colons itself, as TensorFlow's do (`input:0:batch,224,224,3`).

    Raises:
        UserError: the text has another form.
    """
    *name, shape = text.split(":")
    dtype = "float32"
    if len(name) > 1 and _is_number_type(shape):
        dtype, shape = shape, name.pop()
    axes = [axis.strip() for axis in shape.split(",")]
    if "".join(name) == "" or "," in "".join(name) or not all(map(_is_axis, axes)):
        raise UserError(
            f"--input {text} is not NAME:SHAPE[:DTYPE], as in x:batch,3,32,32 or ids:batch,length:int64, with sizes "
            "from 1 on and a type that NumPy knows."
        )
    return TensorSpec(":".join(name), np.dtype(dtype).name, tuple(int(a) if a.isdecimal() else a for a in axes))


def _is_number_type(text: str) -> bool:
    try:
        return np.dtype(text).kind in NUMBERS
    except TypeError:
        return False


def _is_axis(text: str) -> bool:
    return text.isidentifier() or (text.isascii() and text.isdecimal() and int(text) > 0)


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

    A bundle will do, with its rows as `x` or as `inputs.NAME`; its labels and its membership are left out.

    Raises:
        UserError: the file can't be read, holds no rows, or something else than numbers.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = archive.files
            inputs = [n for n in names if n == "x" or n.startswith(BUNDLED)] if set(names) >= BUNDLE else names
            arrays = {name.removeprefix(BUNDLED): np.atleast_1d(archive[name])[:32] for name in inputs}
    except Exception as error:  # whatever a parser of foreign bytes can raise
        raise UserError(f"{path} is not an .npz file of arrays: {first_line(error)}") from error
    if not arrays or any(len(array) == 0 for array in arrays.values()):
        raise UserError(f"{path} holds no example: an array with rows is needed for each input.")
    if others := [name for name, array in arrays.items() if array.dtype.kind not in NUMBERS]:
        raise UserError(f"{path} holds no numbers as {others[0]!r}.")
    # A single row would make the exporter take the batch axis for a fixed one.
    return {name: np.concatenate([a, a]) if a.shape[0] == 1 else a for name, a in arrays.items()}


def fitted(path: Path, example: Arrays, specs: Sequence[TensorSpec]) -> Arrays:
    """Give each input its array of the example, in its type and with as many rows as it takes.

    A lone array stands for a lone input, whatever it is called.

    Raises:
        UserError: an input has no array in the example.
    """
    if len(example) == len(specs) == 1:
        example = {specs[0].name: next(iter(example.values()))}
    missing = [spec.name for spec in specs if spec.name not in example]
    if missing:
        raise UserError(f"{path} has no array for the input {missing[0]!r}; it has {', '.join(example)}.")
    return {spec.name: _with_rows(example[spec.name], spec).astype(spec.dtype) for spec in specs}


def _with_rows(array: npt.NDArray[np.generic], spec: TensorSpec) -> npt.NDArray[np.generic]:
    if not spec.shape or isinstance(spec.shape[0], str):
        return array
    return np.resize(array, (spec.shape[0], *array.shape[1:]))
