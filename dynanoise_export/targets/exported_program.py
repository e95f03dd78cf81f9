"""Programs saved by `torch.export.save`, opened without running what a hostile one may hold."""

import ast
import json
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.targets.inputs import Arrays, TensorSpec
from dynanoise_export.targets.outputs import choose_output
from dynanoise_export.targets.target import OpenOptions, Target
from dynanoise_export.targets.torch_module import describe, quiet, run_module, without_traces

# What a node of a program may call: PyTorch's operators (but for the one that opens a file), control flow, and
# the arithmetic of sizes.
HARMLESS_TARGET = re.compile(
    r"torch\.ops\.(aten|prims|quantized|torchvision)\.(?!from_file)\w+(\.\w+)?"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|and_|or_|not_|eq|ne|lt|le|gt|ge)"
    r"|math\.\w+|torch\.sym_\w+"
)
# What the text of a size may call, and what else it may name.
SIZE_FUNCTIONS = {
    "Symbol", "Integer", "Float", "Rational", "Max", "Min", "Add", "Mul", "Pow", "Mod", "Abs", "floor", "ceiling",
    "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "Piecewise", "FloorDiv", "ModularIndexing", "Where",
    "PythonMod", "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow",
    "FloatTrueDiv", "IntTrueDiv", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity",
}  # fmt: skip
SYMBOL = re.compile(r"[a-z]+\d+|oo|int_oo")
SIZE_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip


def open_exported_program(path: Path, options: OpenOptions) -> Target:
    """Open a `.pt2` file.

    Raises:
        UserError: the file is damaged, holds code, or is no classifier.
    """
    if not options.allow_pickle:
        _require_no_code(path)
    try:
        with _weights_only(not options.allow_pickle), quiet():
            program = torch.export.load(path)
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is a damaged torch.export program, or another PyTorch's: {error}") from error
    example = _example(path, program)
    module = program.module()
    outputs = run_module(path, module, example)
    chosen = choose_output([describe(name, tensor) for name, tensor in outputs.items()], options.logits)
    specs = _specs(program, example)
    return Target(
        path=path,
        format="a torch.export program",
        sha256=sha256(path),
        inputs=specs,
        example=example,
        output=chosen.name,
        classes=int(outputs[chosen.name].shape[1]),
        dropped=tuple(name for name in outputs if name != chosen.name),
        module=module,
        to_onnx=partial(_export, path, program, specs, tuple(outputs)),
    )


def _require_no_code(path: Path) -> None:
    """Refuse what PyTorch's loader would run: compiled libraries, and expressions that are no sizes.

    The loader hands the sizes of a program, which are text, to `eval`, and looks up what a node calls by any
    dotted name; and it falls back to a full unpickling where the safe one fails, which `_weights_only` prevents.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if "/data/aotinductor/" in f"/{member}":
                raise UserError(f"{path} holds compiled code ({member}), which is not run without --allow-pickle.")
            if member.endswith(".json"):
                _require_harmless(path, json.loads(archive.read(member)))


def _require_harmless(path: Path, document: Any) -> None:
    if isinstance(document, list):
        for item in document:
            _require_harmless(path, item)
    elif isinstance(document, dict):
        for key, item in document.items():
            if key == "expr_str" and not _is_size(item):
                raise UserError(f"{path} holds code in the place of a size, which is not run without --allow-pickle.")
            called = key == "target" and isinstance(item, str) and "inputs" in document
            if called and not HARMLESS_TARGET.fullmatch(item):
                raise UserError(f"{path} calls {item}, which is not run without --allow-pickle.")
            _require_harmless(path, item)


def _is_size(text: Any) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, TypeError, ValueError, RecursionError):
        return False
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        match node:
            case ast.Name(id=name):
                allowed = name in SIZE_FUNCTIONS if id(node) in called else SYMBOL.fullmatch(name) is not None
            case ast.Constant(value=str(name)):
                allowed = SYMBOL.fullmatch(name) is not None
            case _:
                allowed = isinstance(node, SIZE_SYNTAX)
        if not allowed:
            return False
    return True


@contextmanager
def _weights_only(on: bool) -> Iterator[None]:
    """Have PyTorch's loader unpickle tensors alone: it offers an environment variable for it and nothing else."""
    before = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    if on:
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    finally:
        os.environ.pop("TORCH_FORCE_WEIGHTS_ONLY_LOAD", None)
        if before is not None:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = before


def _example(path: Path, program: torch.export.ExportedProgram) -> Arrays:
    """Take the example that the program was saved with, by the names of its inputs."""
    if program.example_inputs is None:
        raise UserError(f"{path} was saved without its example inputs: save it again with torch.export.save.")
    args, kwargs = program.example_inputs
    values = [*args, *kwargs.values()]
    names = program.graph_signature.user_inputs
    if len(names) != len(values) or not all(isinstance(value, torch.Tensor) for value in values):
        raise UserError(f"{path} takes inputs that are no plain tensors, so no ONNX file can stand for it.")
    return {name: value.numpy(force=True) for name, value in zip(names, values, strict=True)}


def _specs(program: torch.export.ExportedProgram, example: Arrays) -> tuple[TensorSpec, ...]:
    """Read the inputs off the graph: a size that is a symbol there is a dynamic axis."""
    shapes = {node.name: node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder"}
    return tuple(
        TensorSpec(name, array.dtype.name, tuple(s if isinstance(s, int) else str(s) for s in shapes[name]))
        for name, array in example.items()
    )


def _export(
    path: Path,
    program: torch.export.ExportedProgram,
    specs: tuple[TensorSpec, ...],
    output_names: tuple[str, ...],
    opset: int | None,
) -> ir.Model:
    try:
        with quiet():
            made = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=opset,
                input_names=[spec.name for spec in specs],
                output_names=list(output_names),
                verbose=False,
            )
    except Exception as error:  # the exporter raises whatever an operator's converter raises
        raise UserError(f"PyTorch can't export {path} to ONNX: {error}") from error
    if made is None:
        raise AssertionError("the exporter gave no program")
    return without_traces(made.model)
