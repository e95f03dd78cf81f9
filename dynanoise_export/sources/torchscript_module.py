"""Load a TorchScript file with PyTorch, and convert it to ONNX; of strangers' files, in a confined process alone."""

import io
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes import common

from dynanoise_export.errors import FormatError, UnsupportedModelError, UsageError, UserError, first_line, reason_of
from dynanoise_export.runtimes.pytorch import named_outputs
from dynanoise_export.sources.inputs import draw
from dynanoise_export.sources.same_answers import require_same_answers
from dynanoise_export.sources.source_module import OpenedModule
from dynanoise_export.sources.torch_export import export_failure, export_traced, quiet
from dynanoise_export.sources.torch_module import ModuleHere
from dynanoise_export.sources.torchscript_check import require_pure_functions, require_pure_source
from dynanoise_export.sources.torchscript_graph import flattened
from dynanoise_export.types import Arrays, TensorSpec

# The names of tensor types in a pickle, and NumPy's names for them.
STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool",
}  # fmt: skip

# Why the exporter can't convert operators of this name or kind, and what helps.
REASONS = {
    "aten::_pack_padded_sequence": "ONNX has no packed sequences, so let the module mask its padded rows instead",
    "quantized::": "give the module before its quantisation instead, and quantise the ONNX file",
}


def load_torchscript(path: Path, *, trusted: bool) -> OpenedModule:
    """Load a TorchScript file; unless it is trusted, refuse code that does anything but compute, before it runs.

    Args:
        path: of the file.
        trusted: whether its code may do anything.

    Raises:
        UserError: the file is damaged, or its code might do more than compute.
    """
    try:
        if not trusted:
            require_pure_source(path)
        module = _loaded(path, trusted=trusted)
        _forget_devices(module)
        forward: Any = module.forward
        names = [argument.name for argument in forward.schema.arguments[1:]]
        traced = _traced_inputs(path, names)
        return OpenedModule(ModuleHere(path, module, _export), _with_batch(traced), draw(traced) if traced else None)
    except UserError:
        raise
    except Exception as error:  # a C++ parser of foreign bytes
        raise FormatError(
            f"{path} is a damaged TorchScript file, or one of another PyTorch version: {first_line(error)}"
        ) from error


def _loaded(path: Path, *, trusted: bool) -> torch.jit.ScriptModule:
    if trusted:
        loaded: torch.jit.ScriptModule = torch.jit.load(path, map_location="cpu")
        return loaded
    # What torch.jit.load does; but all functions and methods of the file can be seen before one is called.
    passes: Any = torch._C
    functions = passes.CompilationUnit()
    module = passes.import_ir_module(functions, str(path), torch.device("cpu"), {}, False)
    require_pure_functions(path, functions.get_functions())
    wrapped: torch.jit.ScriptModule = torch.jit._recursive.wrap_cpp_module(module)
    return wrapped


def _forget_devices(module: torch.jit.ScriptModule) -> None:
    """Replace the GPU that a trace names in its code: loading moves the weights only."""
    for part in module.modules():
        code: Any = part._c
        for name in code._method_names():
            for constant in code._get_method(name).graph.findAllNodes("prim::Constant"):
                if constant.output().type().kind() == "DeviceObjType":
                    constant.s_("value", "cpu")


def _with_batch(traced: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Make the first axis the batch, for every input that has as many rows as the first input."""
    return tuple(
        replace(spec, shape=("batch", *spec.shape[1:])) if spec.shape[:1] == traced[0].shape[:1] != () else spec
        for spec in traced
    )


def _traced_inputs(path: Path, names: Sequence[str]) -> tuple[TensorSpec, ...]:
    """Read the types and sizes of the example that a module was traced with; a scripted module has none."""
    archive = torch._C.PyTorchFileReader(str(path))
    if "traced_inputs.pkl" not in archive.get_all_records():
        return ()
    try:
        traced = _Sizes(io.BytesIO(archive.get_record("traced_inputs.pkl"))).load()["forward"]
        sizes = [(dtype, tuple(map(int, size))) for dtype, size in traced]
    except Exception:  # inputs that are not plain tensors, or a damaged record: the user can still give --input
        return ()
    return tuple(TensorSpec(name, dtype, size) for name, (dtype, size) in zip(names, sizes, strict=True))


class _Sizes(pickle.Unpickler):
    """Reads the types and sizes of pickled tensors; PyTorch stores no values there, and nothing else is allowed."""

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "torch.jit._pickle", "restore_type_tag":
                return lambda value, tag: value
            case "torch._utils", "_rebuild_tensor_v2":
                return lambda storage, offset, size, *rest: (storage, size)
            case "collections", "OrderedDict":
                return dict
            case "torch", storage if storage in STORAGES:
                return STORAGES[storage]
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        return pid[1]


def _export(
    path: Path,
    module: torch.jit.ScriptModule,
    specs: Sequence[TensorSpec],
    example: Arrays,
    outputs: Sequence[str],
    output: str,
    opset: int | None,
) -> ir.Model:
    """Export a module as it is; if that fails or gives other answers than the module, flatten it first.

    As it is, the weights keep their names, and no limit applies to their size.
    """
    tensors = [torch.from_numpy(np.array(example[spec.name])) for spec in specs]
    failures: list[UserError] = []
    for prepared in (_traced, flattened):
        try:
            with quiet():
                function = prepared(module, tensors, outputs.index(output))
            model = export_traced(path, function, specs, example, output, opset)
            common.LiftConstantsToInitializersPass()(model)
            require_same_answers(path, module, model, specs, example, output)
            return model
        except UsageError:  # of the opset
            raise
        except UserError as error:
            failures.append(error)
        except Exception as error:  # PyTorch raises any kind
            failures.append(export_failure(path, error))
    graph = str(module.inlined_graph)
    known = next((reason for operator, reason in REASONS.items() if operator in graph), None)
    if known is not None:
        raise UnsupportedModelError(f"PyTorch can't export {path} to ONNX: {known}.") from failures[0]
    raise UnsupportedModelError(
        f"{reason_of(failures[0])}; give the module itself instead, saved with torch.export.save."
    ) from failures[0]


class _OneOutput(torch.nn.Module):
    """Returns one output of a TorchScript module: the exporter can't convert dictionaries and lists of outputs."""

    def __init__(self, module: torch.jit.ScriptModule, index: int) -> None:
        super().__init__()
        self.module, self.index = module, index

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return list(named_outputs(self.module(*tensors)).values())[self.index]


def _traced(module: torch.jit.ScriptModule, tensors: Sequence[torch.Tensor], index: int) -> torch.jit.ScriptModule:
    """Make a module with one output, which calls the module."""
    traced: torch.jit.ScriptModule = torch.jit.trace(
        _OneOutput(module, index).eval(), tuple(tensors), check_trace=False
    )
    return traced
