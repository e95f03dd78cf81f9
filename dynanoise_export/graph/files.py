"""ONNX files on disk, external data included, without reading the weights into memory."""

from collections.abc import Iterable
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.errors import UserError

# Protobuf ends at 2 GiB; well before, one file stays easy to move and to open.
LARGEST_SINGLE_FILE = 1 << 30


def read_model(path: Path) -> ir.Model:
    """Open an ONNX file; its external data stays on disk, mapped into memory where it is used.

    Raises:
        UserError: it is no ONNX model, it is cut short, or its external data is missing or lies elsewhere.
    """
    try:
        model = ir.load(path)
    except Exception as error:  # whatever a parser of foreign bytes can raise
        raise UserError(f"{path} is not an ONNX model, or is damaged: {_first_line(error)}") from error
    if not model.graph.outputs:
        raise UserError(f"{path} is not an ONNX model, or is damaged: its graph has no outputs.")
    for tensor in _external(model):
        _require_inside(path, tensor)
    return model


def external_files(model: ir.Model) -> list[Path]:
    """List the files beside the model that hold its external data."""
    return sorted({Path(tensor.path) for tensor in _external(model)})


def write_model(model: ir.Model, path: Path) -> None:
    """Save a model: in one file, or with `<name>.data` beside it where the weights are large."""
    large = sum(tensor.nbytes for tensor in _weights(model)) > LARGEST_SINGLE_FILE
    ir.save(model, path, external_data=f"{path.name}.data" if large else None)


def _weights(model: ir.Model) -> Iterable[ir.TensorProtocol]:
    for graph in model.graphs():
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value.const_value


def _external(model: ir.Model) -> Iterable[ir.ExternalTensor]:
    return (tensor for tensor in _weights(model) if isinstance(tensor, ir.ExternalTensor))


def _require_inside(path: Path, tensor: ir.ExternalTensor) -> None:
    # A location outside the model's folder would copy any file of this machine into the exported model.
    folder, data = path.parent.resolve(), Path(tensor.path).resolve()
    if not data.is_relative_to(folder):
        raise UserError(f"{path} keeps the weight {tensor.name!r} outside its folder, in {tensor.location!s}.")
    if not data.is_file():
        raise UserError(f"{path} keeps the weight {tensor.name!r} in {data.name}, which is missing.")
    if data.stat().st_size < (tensor.offset or 0) + tensor.nbytes:
        raise UserError(f"{data} is cut short: it ends within the weight {tensor.name!r} of {path.name}.")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
