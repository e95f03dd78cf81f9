"""A PyTorch module in this process as a source."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch

from dynanoise_export.runtimes.pytorch import answers_of
from dynanoise_export.sources.inputs import specs_of
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.source_module import Conversion, OpenedModule, tried_source
from dynanoise_export.sources.torch_export import export_module
from dynanoise_export.types import Array, Arrays, TensorSpec

# Path, module, inputs, example, names of the outputs in order, name of the logits, opset: to an ONNX model.
Converter = Callable[[Path, Any, Sequence[TensorSpec], Arrays, Sequence[str], str, int | None], ir.Model]


class ModuleHere:
    """A module in this process.

    Args:
        path: of its file, for messages.
        module: it is put into evaluation mode.
        convert: makes the ONNX model.
    """

    def __init__(self, path: Path, module: torch.nn.Module, convert: Converter = export_module) -> None:
        self.path, self.module, self._convert = path, module, convert
        for weight in module.eval().parameters():  # a TorchScript module has no requires_grad_
            weight.requires_grad_(False)

    def run(self, rows: Arrays) -> dict[str, Array]:
        """Answer rows."""
        return answers_of(self.path, self.module, rows)

    def to_onnx(self, conversion: Conversion) -> ir.Model:
        """Make the undefended ONNX model."""
        of = conversion
        return self._convert(self.path, self.module, of.inputs, of.example, of.outputs, of.output, of.opset)


def source_from_module(
    path: Path,
    format: str,
    digest: str,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    options: SourceOptions,
    example: Arrays | None = None,
    convert: Converter = export_module,
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
        convert: makes the ONNX model, by default with PyTorch's newer exporter.

    Raises:
        UserError: the inputs are not known, the module does not run on them, or it is not a single-label classifier.
    """
    opened = OpenedModule(ModuleHere(path, module, convert), tuple(specs or _specs_of_module(module)), example)
    return tried_source(path, format, digest, opened, options)


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
