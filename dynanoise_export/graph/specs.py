"""What an ONNX model takes."""

import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.types import TensorSpec


def input_specs(model: ir.Model) -> tuple[TensorSpec, ...]:
    """List the inputs of an ONNX model; a dynamic axis without a name gets one from its position.

    Raises:
        UnsupportedModelError: an input has no declared type and shape, or takes strings.
    """
    specs = []
    for value in model.graph.inputs:
        if value.name in model.graph.initializers:
            continue
        if value.shape is None or value.dtype is None:
            raise UnsupportedModelError(f"The input {value.name!r} has no declared type and shape.")
        if value.dtype == ir.DataType.STRING:
            raise UnsupportedModelError(f"The input {value.name!r} takes strings, and only numbers are supported.")
        axes = [
            axis if isinstance(axis, int) else axis.value or axis_name(value.name or "", i)
            for i, axis in enumerate(value.shape)
        ]
        specs.append(TensorSpec(value.name or "", value.dtype.numpy().name, tuple(axes)))
    return tuple(specs)


def axis_name(input_name: str, position: int) -> str:
    """Name an axis that has no name of its own."""
    return "batch" if position == 0 else f"{input_name}_axis_{position}"
