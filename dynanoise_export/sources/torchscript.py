"""TorchScript files: traced or scripted modules, which need none of the user's code."""

import io
import pickle
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx_ir as ir
import torch

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.runtimes.pytorch import named_outputs
from dynanoise_export.sources.inputs import Arrays, TensorSpec, draw
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_export import export_failure, finished, quiet
from dynanoise_export.sources.torch_module import source_of_module

# TorchScript is no Python, but it has operators that touch files, and a module may run code on loading. They can be
# called in several ways (torch.save, ops . aten . save, f = torch.save and then f), so the mere name is refused.
TOUCHES_FILES = re.compile(rb"\b(save|from_file|read_file|write_file)\b")

# What a pickle calls the types of tensors, and NumPy's names of them.
STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool",
}  # fmt: skip

# Of the exporter for TorchScript.
DEFAULT_OPSET, NEWEST_OPSET = 17, 20


def open_torchscript(path: Path, options: SourceOptions) -> SourceModel:
    """Open a TorchScript file.

    Raises:
        UserError: the file is damaged, reads or writes files, or its inputs are not known.
    """
    try:
        if not options.allow_pickle:
            _require_no_file_access(path)
        module = torch.jit.load(path, map_location="cpu")
        names = [argument.name for argument in module.forward.schema.arguments[1:]]
    except UserError:
        raise
    except Exception as error:  # a C++ parser of foreign bytes
        raise UserError(f"{path} is a damaged TorchScript file, or another PyTorch's: {first_line(error)}") from error
    traced = _traced_inputs(path, names)
    specs, example = _with_batch(traced), draw(traced)
    return source_of_module(path, "a TorchScript file", sha256(path), module, specs, options, example, _export)


def _with_batch(traced: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Take the first axis for the batch, of every input that has as many rows as the first."""
    return tuple(
        replace(spec, shape=("batch", *spec.shape[1:])) if spec.shape[:1] == traced[0].shape[:1] != () else spec
        for spec in traced
    )


def _require_no_file_access(path: Path) -> None:
    # Read as PyTorch reads it: another reader could be shown another content.
    archive = torch._C.PyTorchFileReader(str(path))
    for member in archive.get_all_records():
        if member.startswith("code/") and (found := TOUCHES_FILES.search(archive.get_record(member))):
            raise UserError(
                f"{path} says {found[0].decode()!r} in its code, as a module would that reads or writes files, "
                "and is not opened without --allow-pickle."
            )


def _traced_inputs(path: Path, names: Sequence[str]) -> tuple[TensorSpec, ...]:
    """Read the types and sizes of the example that a traced module was made with; a scripted one has none."""
    archive = torch._C.PyTorchFileReader(str(path))
    if "traced_inputs.pkl" not in archive.get_all_records():
        return ()
    try:
        kept = _Sizes(io.BytesIO(archive.get_record("traced_inputs.pkl"))).load()["forward"]
        sizes = [(dtype, tuple(map(int, size))) for dtype, size in kept]
    except Exception:  # inputs that are no plain tensors, or bytes that mean nothing: the user can still say it
        return ()
    return tuple(TensorSpec(name, dtype, size) for name, (dtype, size) in zip(names, sizes, strict=True))


class _Sizes(pickle.Unpickler):
    """Reads a pickle of tensors as their types and sizes, and nothing else: PyTorch keeps no values there."""

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


class _OneOutput(torch.nn.Module):
    """Gives one output of a TorchScript module: dictionaries and lists of them can't be converted."""

    def __init__(self, module: torch.jit.ScriptModule, place: int) -> None:
        super().__init__()
        self.module, self.endpoint = module, place

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return list(named_outputs(self.module(*tensors)).values())[self.endpoint]


def _export(
    path: Path,
    module: torch.jit.ScriptModule,
    specs: Sequence[TensorSpec],
    example: Arrays,
    outputs: Sequence[str],
    output: str,
    opset: int | None,
) -> ir.Model:
    axes = {s.name: {i: a for i, a in enumerate(s.shape) if isinstance(a, str)} for s in specs}
    if batch := next((names[0] for names in axes.values() if 0 in names), None):
        axes[output] = {0: batch}
    tensors = tuple(torch.from_numpy(np.array(example[spec.name])) for spec in specs)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.onnx"
        try:
            # When it fails, the exporter prints the graph that it failed on, and offers no switch for that.
            with quiet(), mock.patch.object(torch._C, "_jit_onnx_log"):
                # The newer exporter takes no TorchScript.
                torch.onnx.export(
                    torch.jit.trace(_OneOutput(module, outputs.index(output)).eval(), tensors, check_trace=False),
                    tensors,
                    made,
                    dynamo=False,
                    opset_version=min(opset or DEFAULT_OPSET, NEWEST_OPSET),
                    input_names=[spec.name for spec in specs],
                    output_names=[output],
                    dynamic_axes=axes,
                )
        except Exception as error:  # the exporter raises whatever an operator's converter raises
            raise export_failure(path, error) from error
        model = ir.load(made)
        ir.external_data.load_to_model(model)
    return finished(path, model, opset)
