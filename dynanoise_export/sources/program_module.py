"""Load a program that `torch.export.save` wrote, and convert it; of strangers' files, in a confined process alone."""

import importlib
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch
from torch.export.pt2_archive import PT2ArchiveReader

from dynanoise_export.errors import (
    FormatError,
    ModelInputError,
    UnsupportedModelError,
    UntrustedCodeError,
    UserError,
    first_line,
)
from dynanoise_export.runtimes.pytorch import answers_of
from dynanoise_export.sources.axes import axis_names, rename_axes, renamed
from dynanoise_export.sources.program_check import require_no_code
from dynanoise_export.sources.source_module import Conversion, OpenedModule
from dynanoise_export.sources.torch_export import export_failure, finished, quiet
from dynanoise_export.types import Array, Arrays, TensorSpec

FORCE_SAFE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
FORCE_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def load_program(path: Path, *, trusted: bool) -> OpenedModule:
    """Load a `.pt2` file; unless it is trusted, refuse everything in it that could run code.

    Raises:
        UserError: the file is damaged, holds code, or takes inputs that are no tensors.
    """
    try:
        program = _load(path, trusted=trusted)
        _require_evaluation_mode(path, program)
        example = _example(path, program)
        shapes = {node.name: node.meta["val"].shape for node in program.graph.nodes if node.name in example}
        axes = axis_names({name: shapes[name] for name in example})
        module = _ProgramHere(path, program, axes)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UntrustedCodeError(
            f"{path} holds pickles of more than tensors, which could run code: if you trust its origin, add "
            "--allow-pickle."
        ) from error
    except Exception as error:  # a parser of foreign bytes
        raise FormatError(
            f"{path} is a damaged torch.export program, or one of another PyTorch version: {first_line(error)}"
        ) from error
    inputs = tuple(
        TensorSpec(name, array.dtype.name, tuple(renamed(size, axes) for size in shapes[name]))
        for name, array in example.items()
    )
    return OpenedModule(module, inputs, example)


def _require_evaluation_mode(path: Path, program: torch.export.ExportedProgram) -> None:
    """Refuse batch normalisation that takes its statistics from the batch: its ONNX form does not show it any more."""
    for node in program.graph.nodes:
        arguments = getattr(getattr(node.target, "_schema", None), "arguments", ())
        named = dict(zip((argument.name for argument in arguments), node.args, strict=False)) | dict(node.kwargs)
        if "batch_norm" in str(node.target) and named.get("training", named.get("train")) is True:
            raise UnsupportedModelError(
                f"{path} has a batch normalisation that takes its statistics from each batch, so it is in training "
                "mode: call model.eval() before torch.export.export, and save it again."
            )


class _ProgramHere:
    """A program in this process."""

    def __init__(self, path: Path, program: torch.export.ExportedProgram, axes: Mapping[str, str]) -> None:
        self.path, self.program, self.axes = path, program, axes
        self.module = _InOrder(program)

    def run(self, rows: Arrays) -> dict[str, Array]:
        """Answer rows."""
        return answers_of(self.path, self.module, rows)

    def to_onnx(self, conversion: Conversion) -> ir.Model:
        """Make the undefended ONNX model."""
        try:
            with quiet():
                exported = torch.onnx.export(
                    self.program,
                    dynamo=True,
                    opset_version=conversion.opset,
                    input_names=[spec.name for spec in conversion.inputs],
                    output_names=list(conversion.outputs),
                    verbose=False,
                )
        except Exception as error:  # an operator's converter can raise anything
            raise export_failure(self.path, error) from error
        if exported is None:
            raise AssertionError("the exporter returned no program")
        rename_axes(exported.model, self.axes)
        return finished(self.path, exported.model, conversion.opset)


class _InOrder(torch.nn.Module):
    """Takes the inputs of a program in order; the program itself takes some in order and the others by name."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        super().__init__()
        args, kwargs = program.example_inputs or ((), {})
        self.module, self.positional, self.names = program.module(), len(args), tuple(kwargs)

    def forward(self, *tensors: torch.Tensor) -> Any:
        """Run the program."""
        named = dict(zip(self.names, tensors[self.positional :], strict=True))
        return self.module(*tensors[: self.positional], **named)


def _load(path: Path, *, trusted: bool) -> torch.export.ExportedProgram:
    # When this fails, torch.export.load tries the format of PyTorch 2.7 instead, which was not checked.
    from torch.export.pt2_archive._package import load_pt2

    with zipfile.ZipFile(path) as old:
        if "serialized_exported_program.json" in old.namelist():
            raise FormatError(
                f"{path} was saved by PyTorch 2.7 or older: load it there, and save it again with a newer version."
            )
    if not trusted:
        require_no_code(path)
    if b"transformers.modeling_outputs" in PT2ArchiveReader(str(path)).read_bytes("models/model.json"):
        importlib.import_module("transformers.modeling_outputs")  # registers the output types of transformers
    with _weights_only(not trusted), quiet():
        program = load_pt2(str(path)).exported_programs["model"]
    if not trusted:
        program._guards_code = []  # Python code that tests the inputs; PyTorch would run it
    return program


@contextmanager
def _weights_only(on: bool) -> Iterator[None]:
    """Let PyTorch's loader unpickle only tensors: an environment variable is the only way to ask for that."""
    before = {name: os.environ.pop(name, None) for name in (FORCE_SAFE, FORCE_UNSAFE)}
    if on:
        os.environ[FORCE_SAFE] = "1"
    try:
        yield
    finally:
        os.environ.pop(FORCE_SAFE, None)
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _example(path: Path, program: torch.export.ExportedProgram) -> Arrays:
    """Read the example inputs that the program was saved with, by name."""
    if program.example_inputs is None:
        raise ModelInputError(f"{path} was saved without its example inputs: save it again with torch.export.save.")
    args, kwargs = program.example_inputs
    values = [*args, *kwargs.values()]
    names = program.graph_signature.user_inputs
    if len(names) != len(values) or not all(isinstance(value, torch.Tensor) for value in values):
        raise UnsupportedModelError(f"{path} takes inputs that are not plain tensors, which ONNX does not have.")
    return {name: value.numpy(force=True) for name, value in zip(names, values, strict=True)}
