"""A PyTorch module as a source: run it once, look at its outputs, and export it to ONNX."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.pytorch import run_module
from dynanoise_export.sources.input_choice import choose_inputs
from dynanoise_export.sources.inputs import specs_of
from dynanoise_export.sources.outputs import OutputSpec, choose_output
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_export import export_module, fixed_axis
from dynanoise_export.types import Arrays, TensorSpec

# Path, module, inputs, example, names of the outputs in order, name of the logits, opset: to an ONNX model.
Conversion = Callable[[Path, Any, Sequence[TensorSpec], Arrays, Sequence[str], str, int | None], ir.Model]


def source_from_module(
    path: Path,
    format: str,
    digest: str,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    options: SourceOptions,
    example: Arrays | None = None,
    convert: Conversion | None = None,
) -> SourceModel:
    """Make a source of a module.

    Args:
        path: of the user's file.
        format: of the file, as in "a state dict".
        digest: its sha256.
        module: it is put into evaluation mode.
        specs: the inputs that the file states; empty if it states none.
        options: what the user says, which comes first.
        example: values that fit the inputs that the file states, if drawn ones might not.
        convert: makes the ONNX model; None for PyTorch's newer exporter.

    Raises:
        UserError: the inputs are not known, the module does not run on them, or it is not a single-label classifier.
    """
    for weight in module.eval().parameters():  # a TorchScript module has no requires_grad_
        weight.requires_grad_(False)

    def runs(rows: Arrays) -> list[tuple[int, ...]]:
        return [tuple(tensor.shape) for tensor in run_module(path, module, rows).values()]

    specs, example = choose_inputs(path, format, options, specs or _specs_of_module(module), example, runs)
    outputs = run_module(path, module, example)
    described = [describe(name, tensor) for name, tensor in outputs.items()]
    chosen = choose_output(path, described, options.logits, binary=options.scores.binary)
    _require_any_batch(path, module, specs, example, chosen.name)
    return SourceModel(
        path=path,
        format=format,
        sha256=digest,
        inputs=tuple(specs),
        example=example,
        output=chosen.name,
        classes=chosen.classes(binary=options.scores.binary),
        scores=options.scores,
        dropped=tuple(name for name in outputs if name != chosen.name),
        module=module,
        to_onnx=partial(convert or export_module, path, module, tuple(specs), example, tuple(outputs), chosen.name),
    )


def _require_any_batch(
    path: Path, module: torch.nn.Module, specs: Sequence[TensorSpec], example: Arrays, output: str
) -> None:
    """Run one row more: a trace may hold the batch of its example, and then gives wrong answers or none."""
    batched = [spec.name for spec in specs if spec.shape and isinstance(spec.shape[0], str)]
    if not batched:
        return
    larger = {name: np.concatenate([a, a[:1]]) if name in batched else a for name, a in example.items()}
    rows = len(example[batched[0]])
    try:
        if len(run_module(path, module, larger)[output]) == rows + 1:
            return
    except UserError:
        pass
    raise fixed_axis(path, specs, next(str(spec.shape[0]) for spec in specs if spec.name in batched), rows)


def describe(name: str, tensor: torch.Tensor) -> OutputSpec:
    """Describe an output, to choose the logits."""
    return OutputSpec(name, tensor.is_floating_point(), ("batch", *tensor.shape[1:]) if tensor.ndim else ())


def _specs_of_module(module: torch.nn.Module) -> tuple[TensorSpec, ...]:
    """Look at the module itself: Lightning's modules carry an example, timm's modules the size of their images."""
    if isinstance(module, torch.jit.ScriptModule):
        return ()
    forward = inspect.signature(module.forward).parameters
    first = next(iter(forward), "x")
    if isinstance(example := getattr(module, "example_input_array", None), torch.Tensor):
        return specs_of({first: example.numpy(force=True)})
    for attribute in ("pretrained_cfg", "default_cfg"):
        config: Any = getattr(module, attribute, None)
        if isinstance(config, dict) and "input_size" in config:
            return (TensorSpec(first, "float32", ("batch", *config["input_size"])),)
    return ()
