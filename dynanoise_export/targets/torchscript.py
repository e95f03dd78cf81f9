"""TorchScript files: traced or scripted modules, which need none of the user's code."""

import io
import re
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch
from torch.jit._pickle import restore_type_tag

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.targets.inputs import Arrays, TensorSpec, specs_of
from dynanoise_export.targets.target import OpenOptions, Target
from dynanoise_export.targets.torch_module import module_target, quiet, without_traces

# TorchScript is no Python, but it has two operators that touch files, and a module may run code on loading.
TOUCHES_FILES = re.compile(rb"\b(?:torch|ops\.aten|aten)\.(save|from_file)\s*\(")

DEFAULT_OPSET = 17  # the newest that this exporter has


def open_torchscript(path: Path, options: OpenOptions) -> Target:
    """Open a TorchScript file.

    Raises:
        UserError: the file is damaged, reads or writes files, or its inputs are not known.
    """
    _require_no_file_access(path)
    try:
        module = torch.jit.load(path, map_location="cpu")
    except Exception as error:  # a C++ parser of foreign bytes
        raise UserError(f"{path} is a damaged TorchScript file, or another PyTorch's: {_last_line(error)}") from error
    names = [argument.name for argument in module.forward.schema.arguments[1:]]
    traced = _traced_example(path, names)
    target = module_target(path, "a TorchScript file", sha256(path), module, specs_of(traced), options)
    convert = partial(_export, path, module, target.inputs, target.example, (target.output, *target.dropped))
    return replace(target, to_onnx=convert)


def _require_no_file_access(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if "/code/" in member and (found := TOUCHES_FILES.search(archive.read(member))):
                raise UserError(
                    f"{path} calls torch.{found[1].decode()}, which reads or writes files: no classifier needs that, "
                    "so it is not opened."
                )


def _traced_example(path: Path, names: Sequence[str]) -> Arrays:
    """Read the example that a traced module was saved with; a scripted one has none.

    PyTorch keeps it in the archive as a pickle of tensors and reads it in C++ alone, so it is put into the form
    of a state dict and read as that, without running code.
    """
    repacked = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(repacked, "w") as copy:
        root = archive.namelist()[0].split("/")[0]
        if f"{root}/traced_inputs.pkl" not in archive.namelist():
            return {}
        copy.writestr("example/data.pkl", archive.read(f"{root}/traced_inputs.pkl"))
        for member in ("version", "byteorder"):
            copy.writestr(f"example/{member}", archive.read(f"{root}/{member}"))
        for member in archive.namelist():
            if member.startswith(f"{root}/traced_inputs/"):
                copy.writestr(f"example/data/{member.rsplit('/', 1)[1]}", archive.read(member))
    repacked.seek(0)
    with torch.serialization.safe_globals([restore_type_tag]):
        inputs = torch.load(repacked, weights_only=True)["forward"]
    arrays = [tensor.numpy() for tensor in inputs if isinstance(tensor, torch.Tensor)]
    return dict(zip(names, arrays, strict=False))


def _export(
    path: Path,
    module: torch.jit.ScriptModule,
    specs: Sequence[TensorSpec],
    example: Arrays,
    output_names: Sequence[str],
    opset: int | None,
) -> ir.Model:
    axes = {s.name: {i: a for i, a in enumerate(s.shape) if isinstance(a, str)} for s in specs}
    tensors = tuple(torch.from_numpy(np.array(example[spec.name])) for spec in specs)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.onnx"
        try:
            with quiet():
                # The newer exporter takes no TorchScript.
                torch.onnx.export(
                    module,
                    tensors,
                    made,
                    dynamo=False,
                    opset_version=opset or DEFAULT_OPSET,
                    input_names=[spec.name for spec in specs],
                    output_names=list(output_names),
                    dynamic_axes=axes | {name: {0: "batch"} for name in output_names},
                )
        except Exception as error:  # the exporter raises whatever an operator's converter raises
            raise UserError(f"PyTorch can't export {path} to ONNX: {_last_line(error)}") from error
        model = ir.load(made)
        ir.external_data.load_to_model(model)
    return without_traces(model)


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
