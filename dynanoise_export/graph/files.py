"""ONNX files on disk, external data included, without reading the weights into memory."""

import graphlib
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.graph.external_data import (
    attributes,
    external_attributes,
    external_weights,
    located,
    scopes,
    weights,
)

# Protobuf ends at 2 GiB; well before, one file stays easy to move and to open.
LARGEST_SINGLE_FILE = 1 << 30

# What is smaller stays in the model: a shape or a scale out in the other file serves nobody.
SMALLEST_EXTERNAL = 256


def read_model(path: Path) -> ir.Model:
    """Open an ONNX file; its external data stays on disk, mapped into memory where it is used.

    Raises:
        UserError: it is no ONNX model, it is cut short, or its external data is missing or lies elsewhere.
    """
    try:
        model = ir.load(path)
    except Exception as error:  # whatever a parser of foreign bytes can raise
        raise UserError(f"{path} is not an ONNX model, or is damaged: {first_line(error)}") from error
    if not model.graph.outputs:
        raise UserError(f"{path} is not an ONNX model, or is damaged: its graph has no outputs.")
    if any(attribute.type == ir.AttributeType.UNDEFINED for attribute in attributes(model)):
        raise UserError(f"{path} is damaged: an operator has an attribute without a type.")
    _require_no_recursion(path, model)
    for scope in scopes(model):
        if "ai.onnx" in scope.opset_imports:  # the long name of the standard domain
            scope.opset_imports[""] = scope.opset_imports.pop("ai.onnx")
    if any(external_attributes(model)):
        common.LiftConstantsToInitializersPass()(model)
    for attribute in external_attributes(model):
        raise UserError(f"{path} keeps {attribute.name!r}, an operator's attribute and no weight, in another file.")
    for value, tensor in external_weights(model):
        value.const_value = located(path, tensor)
    return model


def external_files(model: ir.Model) -> list[Path]:
    """List the files beside the model that hold its external data."""
    return sorted({Path(tensor.path) for _, tensor in external_weights(model)})


def write_model(model: ir.Model, path: Path) -> None:
    """Save a model: in one file, or with `<name>.data` beside it where the weights are large or lay in such a file.

    Raises:
        UserError: it holds what ONNX can't, such as names that are no text.
    """
    held = list(weights(model))
    large = sum(tensor.nbytes for _, tensor in held) > LARGEST_SINGLE_FILE
    try:
        if large or any(external_weights(model)):
            _move_weights(model, path.parent, f"{path.name}.data")
        ir.save(model, path)
    except ir.serde.SerdeError as error:
        raise UserError(f"The model can't be written as ONNX: {_root_line(error)}") from error
    finally:
        for value, tensor in held:
            value.const_value = tensor


def _move_weights(model: ir.Model, folder: Path, name: str) -> None:
    # Not by `ir.save`, which fails on a model with strings: they can't lie outside.
    small = [(value, tensor) for value, tensor in external_weights(model) if tensor.nbytes < SMALLEST_EXTERNAL]
    for value, tensor in small:
        value.const_value = ir.tensor(tensor.numpy(), dtype=tensor.dtype, name=tensor.name)
    large = [(v, t) for v, t in weights(model) if t.nbytes >= SMALLEST_EXTERNAL and t.dtype is not ir.DataType.STRING]
    moved = ir.external_data.convert_tensors_to_external([tensor for _, tensor in large], folder, name)
    for (value, _), external in zip(large, moved, strict=True):
        value.const_value = external


def _require_no_recursion(path: Path, model: ir.Model) -> None:
    calls = {
        name: {node.op_identifier() for node in function.all_nodes()} & model.functions.keys()
        for name, function in model.functions.items()
    }
    try:
        graphlib.TopologicalSorter(calls).prepare()
    except graphlib.CycleError as error:
        raise UserError(f"{path} has a function that calls itself, which ONNX forbids.") from error


def _root_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
