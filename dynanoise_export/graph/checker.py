"""Check that a file is a well-formed ONNX model."""

from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import FormatError, first_line
from dynanoise_export.graph.external_data import external_weights
from dynanoise_export.graph.map_types import STATED_TYPE


def check_graph(path: Path, model: ir.Model) -> None:
    """Run ONNX's own checker on a graph as it was read, wherever its weights are stored.

    Raises:
        FormatError: the checker rejects it.
    """
    copy = model.clone()
    external = [value for value, _ in external_weights(copy)]
    if not all(copy.graph.initializers.get(value.name or "") is value for value in external):
        return  # external weights inside a branch; the exported file is checked anyway
    for value in external:  # they become inputs, because the checker does not accept them
        copy.graph.initializers.pop(value.name or "")
        value.const_value = None
        if value not in copy.graph.inputs:
            copy.graph.inputs.append(value)
    _complete(copy)
    try:
        common.CheckerPass()(copy)
    except Exception as error:  # its own exception, or whatever a damaged graph raises before it
        raise FormatError(f"{path} does not pass ONNX's checker: {first_line(error.__cause__ or error)}") from error


def _complete(model: ir.Model) -> None:
    """Give inputs and outputs what the checker asks for and runtimes do not: the type and the shape of a tensor."""
    for value in (*model.graph.inputs, *model.graph.outputs):
        if STATED_TYPE in value.meta:
            value.type = ir.TensorType(ir.DataType.FLOAT)
        if value.shape is None and isinstance(value.type, ir.TensorType):
            value.shape = ir.Shape([])


def check_form(path: Path) -> None:
    """Run ONNX's own checker on a file, with full shape inference; the weights are not read.

    Raises:
        FormatError: the checker rejects it.
    """
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise FormatError(f"{path.name} does not pass ONNX's checker: {first_line(error)}") from error
