"""What an ONNX model takes."""

from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir

from dynanoise_export.errors import ModelInputError, UnsupportedModelError
from dynanoise_export.graph.map_types import other_type
from dynanoise_export.types import TensorSpec

BATCH = "batch"


def input_specs(model: ir.Model) -> tuple[TensorSpec, ...]:
    """List the inputs of an ONNX model; a dynamic axis without a name gets one from its position.

    Raises:
        UnsupportedModelError: an input is not a tensor, or takes strings.
        ModelInputError: an input has no declared type and shape.
    """
    require_tensors(model)
    inputs = taken(model)
    named = {axis.value for value in inputs for axis in value.shape or () if isinstance(axis, ir.SymbolicDim)}
    return tuple(_spec(value, named) for value in inputs)


def taken(model: ir.Model) -> list[ir.Value]:
    """List the inputs of a model that are not weights too."""
    return [value for value in model.graph.inputs if value.name not in model.graph.initializers]


def require_tensors(model: ir.Model) -> None:
    """Check that a model takes tensors of numbers; ONNX's shape inference does not survive all other inputs.

    Raises:
        UnsupportedModelError: an input is not a tensor, or takes strings.
    """
    for value in taken(model):
        if (kind := other_type(value)) is not None:
            raise UnsupportedModelError(f"The input {value.name!r} takes a {kind}, and only tensors are supported.")
        if value.dtype == ir.DataType.STRING:
            raise UnsupportedModelError(f"The input {value.name!r} takes strings, and only numbers are supported.")


def _spec(value: ir.Value, named: set[str | None]) -> TensorSpec:
    name = value.name or ""
    if value.shape is None or value.dtype is None:
        raise ModelInputError(
            f"The input {name!r} has no declared type and shape: give them with --input {name}:batch,3,32,32 or an "
            "example with --example rows.npz."
        )
    axes = [
        axis if isinstance(axis, int) else axis.value or _free_name(name, i, named)
        for i, axis in enumerate(value.shape)
    ]
    return TensorSpec(name, value.dtype.numpy().name, tuple(axes))


def axis_name(input_name: str, position: int) -> str:
    """Name an axis that has no name of its own."""
    return BATCH if position == 0 else f"{input_name}_axis_{position}"


def _free_name(input_name: str, position: int, named: set[str | None]) -> str:
    """Name an axis; axes of the same name have the same size, so a name that the file uses is not taken."""
    name = axis_name(input_name, position)
    while name in named:
        name += "_"
    return name


def fixed_batch(inputs: Sequence[TensorSpec]) -> int | None:
    """Find the batch size of a model with a fixed batch axis; None if the axis is dynamic."""
    return next((spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], int)), None)


def with_dynamic_batch(inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Give the same inputs with a dynamic batch axis, to draw any number of rows."""
    others = {axis for spec in inputs for axis in spec.shape[1:]}
    name = BATCH
    while name in others:
        name += "_"
    return tuple(
        replace(spec, shape=(name, *spec.shape[1:])) if spec.shape and isinstance(spec.shape[0], int) else spec
        for spec in inputs
    )
