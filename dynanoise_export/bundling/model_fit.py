"""Bring rows into the shapes and types that a model takes, where that is unambiguous."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.bundling.source_rows import SourceRows
from dynanoise_export.errors import ModelInputError, UsageError, shortened
from dynanoise_export.layouts import IMAGE_AXES, Layout, fits, needed_layout, require_layout, turned
from dynanoise_export.types import Array, TensorSpec

# How many channels an image has: grey, colours, colours with transparency.
CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class FittedRows:
    """Rows as a model takes them.

    Attributes:
        inputs: for each input of the model an array of n rows.
        notes: what was done to them that a user may not expect.
    """

    inputs: dict[str, Array]
    notes: tuple[str, ...]


def without_model(rows: SourceRows, request: BundleRequest) -> FittedRows:
    """Take rows as they are, for a model that is not known; numbers of a table become float32."""
    inputs = {name: _divided(_in_layout(array, rows, request.layout), rows, request)
              for name, array in rows.inputs.items()}  # fmt: skip
    return FittedRows({name: a.astype(np.float32) if rows.columns else a for name, a in inputs.items()}, ())


def fit_to_model(rows: SourceRows, specs: Sequence[TensorSpec], request: BundleRequest, model: str) -> FittedRows:
    """Fit rows to a model.

    Args:
        rows: of the sources.
        specs: of the model's inputs.
        request: says how images lie in the bundle, if the user said it.
        model: its name, for messages.

    Raises:
        UserError: an input is missing, or rows have another shape or values that its type can't hold.
    """
    inputs, notes = {}, []
    for name, array in _by_input(rows, specs, request, model).items():
        spec = next(one for one in specs if one.name == name)
        divided = _coloured(_divided(array, rows, request), spec, rows)
        placed = _turned(divided, spec, rows, request)
        shaped = _reshaped(placed, spec, rows, request, model)
        if rows.free_layout and placed is not divided and request.layout is None:
            notes.append("The images have their channels last, as the model takes them")
        if shaped.shape != placed.shape:
            notes.append(f"Each row of {name!r} was reshaped from {list(placed.shape[1:])} to {list(shaped.shape[1:])}")
        inputs[name] = _cast(shaped, spec, request, model)
    return FittedRows(inputs, tuple(notes))


def _by_input(rows: SourceRows, specs: Sequence[TensorSpec], request: BundleRequest, model: str) -> Mapping[str, Array]:
    """Find the array of each input: by its name, or the only one, or a column of a table."""
    names = [spec.name for spec in specs]
    if all(name in rows.inputs for name in names):
        return {name: rows.inputs[name] for name in names}
    if len(names) == len(rows.inputs) == 1:
        return {names[0]: next(iter(rows.inputs.values()))}
    if all(name in rows.columns for name in names):
        return {name: rows.inputs["x"][:, [rows.columns.index(name)]] for name in names}
    missing = next(name for name in names if name not in rows.inputs and name not in rows.columns)
    there = shortened(", ".join(rows.columns or rows.inputs))
    raise ModelInputError(f"{model} takes the input {missing!r}, and {request.named} has {there}.")


def _divided(array: Array, rows: SourceRows, request: BundleRequest) -> Array:
    if request.divide is None or rows.free_layout:  # images were divided when they were read
        return array
    return array.astype(np.float32) / np.float32(request.divide)


def _coloured(array: Array, spec: TensorSpec, rows: SourceRows) -> Array:
    """Repeat the only channel of images [n, 1, height, width] for a model of colours, as an image reader does."""
    if not rows.free_layout or array.shape[1] != 1 or len(spec.shape) != IMAGE_AXES or fits(array, spec):
        return array
    return np.repeat(array, 3, axis=1) if 3 in (spec.shape[1], spec.shape[3]) else array


def _in_layout(array: Array, rows: SourceRows, layout: Layout | None) -> Array:
    """Give images the layout that the user asks for."""
    if array.ndim != IMAGE_AXES or layout is None or _layout_of(array, rows) is layout:
        return array
    return turned(array, layout)


def _layout_of(array: Array, rows: SourceRows) -> Layout:
    first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if rows.free_layout or (first and not last):
        return Layout.NCHW
    if last and not first:
        return Layout.NHWC
    raise UsageError(
        f"--layout can't tell where images of shape {list(array.shape[1:])} have their channels: transpose them "
        "before, and leave it out."
    )


def _turned(array: Array, spec: TensorSpec, rows: SourceRows, request: BundleRequest) -> Array:
    """Turn images whose channels lie elsewhere than where the model takes them."""
    if request.layout is not None or _fits_without_ones(array, spec):
        return _in_layout(array, rows, request.layout)
    if not rows.free_layout:
        require_layout(request.named, array, spec)
        return array
    layout = needed_layout(array, spec)
    return array if layout is None else turned(array, layout)


def _fits_without_ones(array: Array, spec: TensorSpec) -> bool:
    """Whether rows have the sizes that the model takes, but for axes of size 1."""
    return [size for size in array.shape[1:] if size != 1] == [size for size in spec.shape[1:] if size != 1]


def _reshaped(array: Array, spec: TensorSpec, rows: SourceRows, request: BundleRequest, model: str) -> Array:
    """Add or drop axes of size 1, which changes no row; refuse any other difference."""
    if fits(array, spec):
        return array
    if _fits_without_ones(array, spec):
        return array.reshape(len(array), *(int(size) for size in spec.shape[1:]))
    raise ModelInputError(_mismatch(array, spec, rows, request, model))


def _mismatch(array: Array, spec: TensorSpec, rows: SourceRows, request: BundleRequest, model: str) -> str:
    if rows.columns:
        listed = shortened(", ".join(rows.columns))
        return (
            f"{request.named} has {len(rows.columns)} features ({listed}), and {model} takes {spec}: choose them in "
            "their order with --columns."
        )
    way_out = "bring the rows into that shape"
    if rows.free_layout and len(spec.shape) == IMAGE_AXES:
        first = spec.shape[1] in CHANNELS
        channels, sides = (spec.shape[1], spec.shape[2:]) if first else (spec.shape[3], spec.shape[1:3])
        grey = ["--grey"] if channels == 1 < array.shape[1] else []
        size = [] if sides == array.shape[2:] else [f"--size {','.join(map(str, sides))}"]
        way_out = f"add {' and '.join(grey + size)}" if grey + size else way_out
    return f"{request.named} gives {spec.name!r} of shape {list(array.shape)}, and {model} takes {spec}: {way_out}."


def _cast(array: Array, spec: TensorSpec, request: BundleRequest, model: str) -> Array:
    """Convert to the type that the model takes, if no value is lost but the digits that it can't hold."""
    if array.dtype == spec.dtype:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        cast: Array = array.astype(spec.dtype)
    kind = np.dtype(spec.dtype).kind
    lost = not np.array_equal(cast, array) if kind != "f" else not np.isfinite(cast).all() and np.isfinite(array).all()
    if lost:
        raise ModelInputError(
            f"{request.named} has values for {spec.name!r} that the type {spec.dtype} of {model} can't hold: give the "
            "rows as the model takes them."
        )
    return cast
