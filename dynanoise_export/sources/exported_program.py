"""Programs that `torch.export.save` wrote, opened without running code that a hostile file may hold."""

import importlib
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
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
from dynanoise_export.files import sha256
from dynanoise_export.runtimes.pytorch import run_module
from dynanoise_export.sources.axes import axis_names, rename_axes, renamed
from dynanoise_export.sources.outputs import choose_output
from dynanoise_export.sources.program_check import require_no_code
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_export import export_failure, finished, quiet
from dynanoise_export.sources.torch_module import describe
from dynanoise_export.types import Arrays, TensorSpec

FORCE_SAFE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
FORCE_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def open_exported_program(path: Path, options: SourceOptions) -> SourceModel:
    """Open a `.pt2` file.

    Raises:
        UserError: the file is damaged, holds code, or is not a single-label classifier.
    """
    try:
        program = _load(path, trusted=options.allow_pickle)
        module = _InOrder(program)
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
    example = _example(path, program)
    outputs = run_module(path, module, example)
    described = [describe(name, tensor) for name, tensor in outputs.items()]
    chosen = choose_output(path, described, options.logits, binary=options.scores.binary)
    shapes = {node.name: node.meta["val"].shape for node in program.graph.nodes if node.name in example}
    axes = axis_names({name: shapes[name] for name in example})
    specs = tuple(
        TensorSpec(name, array.dtype.name, tuple(renamed(size, axes) for size in shapes[name]))
        for name, array in example.items()
    )
    return SourceModel(
        path=path,
        format="a torch.export program",
        sha256=sha256(path),
        inputs=specs,
        example=example,
        output=chosen.name,
        classes=chosen.classes(binary=options.scores.binary),
        scores=options.scores,
        dropped=tuple(name for name in outputs if name != chosen.name),
        module=module,
        to_onnx=partial(_export, path, program, specs, tuple(outputs), axes),
    )


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
    archive = PT2ArchiveReader(str(path))
    if not trusted:
        require_no_code(path, archive)
    if b"transformers.modeling_outputs" in archive.read_bytes("models/model.json"):
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


def _export(
    path: Path,
    program: torch.export.ExportedProgram,
    specs: tuple[TensorSpec, ...],
    output_names: tuple[str, ...],
    axes: Mapping[str, str],
    opset: int | None,
) -> ir.Model:
    try:
        with quiet():
            exported = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=opset,
                input_names=[spec.name for spec in specs],
                output_names=list(output_names),
                verbose=False,
            )
    except Exception as error:  # an operator's converter can raise anything
        raise export_failure(path, error) from error
    if exported is None:
        raise AssertionError("the exporter returned no program")
    rename_axes(exported.model, axes)
    return finished(path, exported.model, opset)
