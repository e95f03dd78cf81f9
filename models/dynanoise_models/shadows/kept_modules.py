"""Write trained PyTorch modules of one architecture as ONNX files, and export only the first of them."""

from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch

from dynanoise_export.errors import UserError
from dynanoise_export.files import written_whole
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.sources.same_answers import require_same_answers
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.sources.torch_module import ModuleHere
from dynanoise_export.types import Array

# The name of the file with the first module that was exported.
ARCHITECTURE = "architecture.onnx"
# The exporter transposes the weights of a linear layer that takes more than [rows, features], as in a transformer, and
# drops their names. They get the name of the weights in the module, and this behind it.
TRANSPOSED = ".transposed"


def write_module(source: SourceModel, architecture: Path, path: Path) -> None:
    """Write a module as an ONNX file, and compare its answers with the module's.

    An export takes seconds. So another module's file gets this module's weights, if their names and shapes are the same
    and the file then answers as this module does.

    Args:
        source: of the module.
        architecture: the path of another module's file, or where to leave this one for the others.
        path: of the file to write.

    Raises:
        UserError: the module can't be exported, or the ONNX model answers differently.
    """
    model = _with_weights_of(source, architecture) if architecture.exists() else None
    if model is None:
        model = source.to_onnx(None)
        _require_same(source, model)
        _name_transposed(source, model)
        with written_whole(architecture) as staged:
            write_model(model, staged)
    write_model(model, path)


def _with_weights_of(source: SourceModel, architecture: Path) -> ir.Model | None:
    """Put a module's weights into another module's file; None if it does not become that module."""
    weights = _weights(source)
    if not weights:
        return None
    model = read_model(architecture)
    held = model.graph.initializers
    for name, array in weights.items():
        value, given = held.get(name), array
        if value is None:
            value, given = held.get(name + TRANSPOSED), array.T
        if value is None or value.const_value is None or value.const_value.shape != given.shape:
            return None
        value.const_value = ir.tensor(given, name=value.name)
    try:
        _require_same(source, model)
    except UserError:
        return None
    return model


def _name_transposed(source: SourceModel, model: ir.Model) -> None:
    """Name the transposed weights of a model that was just exported, so that other modules find where theirs go."""
    weights = _weights(source)
    held = model.graph.initializers
    unnamed = {name: value.const_value for name, value in held.items() if name not in weights}
    for name, array in weights.items():
        if name in held:
            continue
        equal = (
            key for key, tensor in unnamed.items() if tensor is not None and np.array_equal(tensor.numpy(), array.T)
        )
        if key := next(equal, None):
            del unnamed[key]
            held[key].name = name + TRANSPOSED


def _weights(source: SourceModel) -> dict[str, Array]:
    """List the weights of a module by their names; none if it is not in this process, or NumPy lacks their type."""
    if not isinstance(source.module, ModuleHere):
        return {}
    weights = source.module.module.state_dict()
    # Whole numbers are counters of batches, which answers do not depend on.
    floats = {name: weight for name, weight in weights.items() if weight.is_floating_point()}
    if any(weight.dtype == torch.bfloat16 for weight in floats.values()):
        return {}
    return {name: weight.numpy(force=True) for name, weight in floats.items()}


def _require_same(source: SourceModel, model: ir.Model) -> None:
    if isinstance(source.module, ModuleHere):
        require_same_answers(source.path, source.module.module, model, source.inputs, source.example, source.output)
