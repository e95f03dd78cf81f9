"""The inputs of a model: their names, types and axes, and example values for them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dynanoise_export.array_files import array_names, read_arrays
from dynanoise_export.errors import ModelInputError, UsageError
from dynanoise_export.types import Array, Arrays, TensorSpec

# The kinds of NumPy's types that a model takes: truth values, integers and floats.
NUMBERS = "biuf"
# The arrays by which a bundle is recognised, and the prefix of its inputs.
BUNDLE, PREFIX = {"y", "member"}, "inputs."
EXAMPLE = "an .npz file of arrays"

# So many values of one input are made up at most.
MOST_VALUES = 1 << 27
# Of made-up values: the rows, and the usual sizes of dynamic axes. No two are equal, so that a size shows its axis.
BATCH = 8
IMAGE_SIDE = 64
LENGTH = 12


def parse_spec(text: str) -> TensorSpec:
    """Read NAME:SHAPE[:DTYPE], as in `x:batch,3,32,32` or `input_ids:batch,sequence:int64`.

    The name may contain colons, as TensorFlow's names do (`input:0:batch,224,224,3`).

    Raises:
        UsageError: the text has another form.
    """
    *name, shape = text.split(":")
    dtype = "float32"
    if len(name) > 1 and is_number_type(shape):
        dtype, shape = shape, name.pop()
    axes = [axis.strip() for axis in shape.split(",")]
    if "".join(name) == "" or "," in "".join(name) or not all(map(_is_axis, axes)):
        raise UsageError(
            f"--input {text} is not NAME:SHAPE[:DTYPE]: write x:batch,3,32,32 or ids:batch,length:int64, with sizes of "
            "at least 1 and a NumPy type."
        )
    return TensorSpec(":".join(name), np.dtype(dtype).name, tuple(int(a) if a.isdecimal() else a for a in axes))


def is_number_type(text: str) -> bool:
    """Whether a text is NumPy's name of a type that a model takes."""
    try:
        return np.dtype(text).kind in NUMBERS
    except (TypeError, ValueError, SyntaxError):
        return False


def _is_axis(text: str) -> bool:
    return text.isidentifier() or (text.isascii() and text.isdecimal() and int(text) > 0)


def specs_of(example: Mapping[str, Array]) -> tuple[TensorSpec, ...]:
    """Describe example values; their first axis counts as the batch, the other axes as fixed."""
    return tuple(TensorSpec(name, array.dtype.name, ("batch", *array.shape[1:])) for name, array in example.items())


def draw(
    specs: Sequence[TensorSpec], rows: int = BATCH, sizes: Mapping[str, int] | None = None, *, integer: int = 1
) -> dict[str, Array]:
    """Draw example values: normals for floats, one number for integers; equal axis names get equal sizes.

    Truth values alternate, false first: a mask of equal ones could hide all of a row, and then many models answer NaN.

    Args:
        specs: of the inputs.
        rows: the size of a dynamic batch.
        sizes: of other dynamic axes, by name, if the default sizes do not suit them.
        integer: the value of all integers.

    Raises:
        ModelInputError: the rows have too many values.
    """
    generator = np.random.default_rng(0)
    chosen = dict(sizes or {})
    arrays: dict[str, Array] = {}
    for spec in specs:
        shape = []
        for axis, size in enumerate(spec.shape):
            default = rows if axis == 0 else IMAGE_SIDE if len(spec.shape) >= 4 else LENGTH
            shape.append(size if isinstance(size, int) else chosen.setdefault(size, default))
        _require_small(spec, shape)
        dtype = np.dtype(spec.dtype)
        values = generator.standard_normal(shape) if dtype.kind == "f" else np.full(shape, integer)
        if dtype.kind == "b":
            values = np.resize(np.arange(shape[-1]) % 2, shape) if shape else np.zeros(())
        arrays[spec.name] = values.astype(dtype)
    return arrays


def _require_small(spec: TensorSpec, shape: Sequence[int]) -> None:
    """Check that made-up values fit into the memory of any machine: a file can state any size."""
    if math.prod(shape) > MOST_VALUES:
        raise ModelInputError(
            f"The input {spec} takes {math.prod(shape)} values for {shape[0]} rows, too many to make up: give real "
            "rows with --example rows.npz."
        )


def more_like(example: Arrays, rows: int) -> dict[str, Array]:
    """Draw values of the same sizes as an example that a model takes: normals for floats; others are repeated.

    Args:
        example: values for each input.
        rows: as many as to draw.
    """
    generator = np.random.default_rng(0)
    drawn: dict[str, Array] = {}
    for name, array in example.items():
        shape = (rows, *array.shape[1:])
        is_float = array.dtype.kind == "f"
        drawn[name] = (generator.standard_normal(shape) if is_float else np.resize(array, shape)).astype(array.dtype)
    return drawn


def read_example(path: Path) -> dict[str, Array]:
    """Read example values from an .npz file: one array for each input, at most 32 rows of each, at least two.

    A bundle is accepted, with its rows as `x` or `inputs.NAME`; its labels and its membership are ignored.

    Raises:
        UserError: the file can't be read, has no rows, or has values that are not numbers.
    """
    names = array_names(path, EXAMPLE)
    inputs = [n for n in names if n == "x" or n.startswith(PREFIX)] if set(names) >= BUNDLE else names
    read = read_arrays(path, inputs, EXAMPLE)
    arrays = {name.removeprefix(PREFIX): np.array(np.atleast_1d(array)[:32]) for name, array in read.items()}
    if not arrays or any(0 in array.shape for array in arrays.values()):
        raise ModelInputError(f"{path} holds no example rows: give it an array with rows for each input.")
    if others := [name for name, array in arrays.items() if array.dtype.kind not in NUMBERS]:
        raise ModelInputError(f"The array {others[0]!r} in {path} does not hold numbers: give it numbers.")
    # From a single row, the exporter would conclude that the batch is fixed.
    return {name: np.concatenate([a, a]) if a.shape[0] == 1 else a for name, a in arrays.items()}


def fitted(path: Path, example: Arrays, specs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Give each input its array of the example, converted to its type and to the number of rows that it takes.

    For a model with one input, a single array is taken whatever its name.

    Raises:
        ModelInputError: the example has no array for an input.
    """
    if len(example) == len(specs) == 1:
        example = {specs[0].name: next(iter(example.values()))}
    missing = [spec.name for spec in specs if spec.name not in example]
    if missing:
        raise ModelInputError(f"{path} has no array for the input {missing[0]!r}: it has {', '.join(example)}.")
    return {spec.name: _with_rows(example[spec.name], spec).astype(spec.dtype) for spec in specs}


def _with_rows(array: Array, spec: TensorSpec) -> Array:
    if not spec.shape or isinstance(spec.shape[0], str):
        return array
    return np.resize(array, (spec.shape[0], *array.shape[1:]))
