"""Read and write ONNX files with their external data, without loading the weights into memory."""

import graphlib
import shutil
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import FormatError, UnsupportedModelError, UserError, first_line, reason_of, root_of
from dynanoise_export.graph.class_maps import remove_class_maps
from dynanoise_export.graph.data_files import located
from dynanoise_export.graph.declared_shapes import forget_invalid_axes, quiet
from dynanoise_export.graph.external_data import (
    attributes,
    external_attributes,
    external_weights,
    scopes,
    weights,
)
from dynanoise_export.graph.map_types import set_aside_maps, state_types
from dynanoise_export.graph.opset import import_standard_domain
from dynanoise_export.graph.provenance import PREFIX
from dynanoise_export.graph.tensor_claims import require_plain_tensors, strip_metadata
from dynanoise_export.records import reading

# Protobuf's limit is 2 GiB. Far below it, one file is still easy to move and to open.
LARGEST_SINGLE_FILE = 1 << 30

# Smaller tensors stay in the model: moving a shape or a scale out of it saves nothing.
SMALLEST_EXTERNAL = 256


def read_model(path: Path) -> ir.Model:
    """Open an ONNX file; its external data stays on disk and is mapped into memory when it is used.

    What other exporters write in forms of their own is brought into one form: maps of classes become tensors, invalid
    sizes of axes become unknown, and the standard domain is imported.

    Raises:
        UserError: the file is missing, not an ONNX model or cut short, or its external data can't be trusted.
    """
    with reading(path, "an ONNX model"):
        model = _loaded(path)
        if not model.graph.outputs:
            raise FormatError(f"{path} is not an ONNX model, or is damaged: its graph has no outputs.")
        if any(attribute.type == ir.AttributeType.UNDEFINED for attribute in attributes(model)):
            raise FormatError(f"{path} is damaged: an operator has an attribute without a type.")
        _require_sources(path, model)
        _require_no_recursion(path, model)
        _bring_into_form(model)
        _locate(path, model)
    return model


def _loaded(path: Path) -> ir.Model:
    # `ir.load` does the same, and fails on types that hold a map.
    proto = onnx.load(path, load_external_data=False)
    try:
        require_plain_tensors(proto)
    except UserError as error:
        raise type(error)(f"{path} can't be opened: {reason_of(error)}.") from error
    strip_metadata(proto, PREFIX)
    removed = set_aside_maps(proto)
    with quiet("onnx_ir"):  # what it logs is refused below
        model = ir.from_proto(proto)
    state_types(model, removed)
    common.TopologicalSortPass()(model)  # converters to float16 append their casts, and runtimes take them so
    return model


def _bring_into_form(model: ir.Model) -> None:
    for scope in scopes(model):
        if "ai.onnx" in scope.opset_imports:  # the long name of the standard domain
            scope.opset_imports[""] = scope.opset_imports.pop("ai.onnx")
    import_standard_domain(model)
    remove_class_maps(model)
    forget_invalid_axes(model)


def _locate(path: Path, model: ir.Model) -> None:
    """Give all external weights their full paths, after checking that the model may read their files."""
    if any(external_attributes(model)):
        common.LiftConstantsToInitializersPass()(model)
    for attribute in external_attributes(model):
        raise UnsupportedModelError(
            f"{path} stores the attribute {attribute.name!r} of an operator in another file, and only weights may be "
            "stored so: export the model again."
        )
    external = list(external_weights(model))
    for (value, _), tensor in zip(external, located(path, [tensor for _, tensor in external]), strict=True):
        value.const_value = tensor


def external_files(model: ir.Model) -> list[Path]:
    """List the files that hold the model's external data."""
    return sorted({Path(tensor.path) for _, tensor in external_weights(model)})


def write_model(model: ir.Model, path: Path) -> None:
    """Save a model in one file, or with `<name>.data` beside it if its weights are large or were external before.

    Raises:
        FormatError: it holds something that ONNX can't, such as a name that is not text.
    """
    held = list(weights(model))
    large = sum(tensor.nbytes for _, tensor in held) > LARGEST_SINGLE_FILE
    try:
        if large or any(external_weights(model)):
            _move_weights(model, path.parent, f"{path.name}.data")
        ir.save(model, path)
    except ir.serde.SerdeError as error:
        raise FormatError(f"The model can't be written as ONNX: {first_line(root_of(error))}") from error
    finally:
        for value, tensor in held:
            value.const_value = tensor


def copy_model(path: Path, copy: Path) -> None:
    """Copy an ONNX file as it is; weights that it has in other files are moved to `<name>.data` beside the copy.

    Raises:
        UserError: it is missing, damaged, or reads weights outside its folder.
    """
    model = read_model(path)
    if any(external_weights(model)):
        write_model(model, copy)
    else:
        shutil.copyfile(path, copy)


def _move_weights(model: ir.Model, folder: Path, name: str) -> None:
    # `ir.save` can't do this for a model with string tensors, which can't be external.
    small = [(value, tensor) for value, tensor in external_weights(model) if tensor.nbytes < SMALLEST_EXTERNAL]
    for value, tensor in small:
        value.const_value = ir.tensor(tensor.numpy(), dtype=tensor.dtype, name=tensor.name)
    large = [(v, t) for v, t in weights(model) if t.nbytes >= SMALLEST_EXTERNAL and t.dtype is not ir.DataType.STRING]
    moved = ir.external_data.convert_tensors_to_external([tensor for _, tensor in large], folder, name)
    for (value, _), external in zip(large, moved, strict=True):
        value.const_value = external


def _require_sources(path: Path, model: ir.Model) -> None:
    """Check that every value that a graph takes or gives is made somewhere and has a name."""
    for scope in scopes(model):
        taken = [value for node in scope.all_nodes() for value in node.inputs if value is not None]
        for value in (*scope.inputs, *scope.outputs, *taken):
            made = value.producer() is not None or value.is_graph_input() or value.is_initializer()
            if not (made and value.name):
                raise FormatError(f"{path} is damaged: no operator makes the value {value.name or ''!r}.")


def _require_no_recursion(path: Path, model: ir.Model) -> None:
    calls = {
        name: {node.op_identifier() for node in function.all_nodes()} & model.functions.keys()
        for name, function in model.functions.items()
    }
    try:
        graphlib.TopologicalSorter(calls).prepare()
    except graphlib.CycleError as error:
        raise FormatError(f"{path} has a function that calls itself, which ONNX forbids.") from error
