"""From a PyTorch module to ONNX, through PyTorch's own exporter."""

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes import common

from dynanoise_export.errors import ModelInputError, UnsupportedModelError, UsageError, first_line
from dynanoise_export.graph.opset import convert_up
from dynanoise_export.onnx_functions import OLDEST_OPSET
from dynanoise_export.runtimes.pytorch import bind
from dynanoise_export.sources.naming import naming
from dynanoise_export.types import Arrays, TensorSpec


def export_module(
    path: Path,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    example: Arrays,
    outputs: Sequence[str],
    output: str,
    opset: int | None,
) -> ir.Model:
    """Export a module; axes with a name become dynamic.

    Args:
        path: of the user's file, for messages.
        module: in evaluation mode.
        specs: its inputs.
        example: values for them.
        outputs: the names of its outputs, in order.
        output: the name of the logits; all outputs are exported.
        opset: of the ONNX model; None for the exporter's default.

    Raises:
        UserError: the exporter fails, or fixes an axis that has to be dynamic.
    """
    tensors = {spec.name: torch.from_numpy(np.array(example[spec.name])) for spec in specs}
    args, kwargs = bind(module, tensors)
    axes = {spec.name: _dynamic_axes(spec) for spec in specs}
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                args,
                kwargs=kwargs,
                dynamo=True,
                opset_version=opset,
                input_names=[spec.name for spec in specs],
                output_names=list(outputs),
                dynamic_shapes=axes if kwargs else tuple(axes.values()),
                verbose=False,
            )
    except Exception as error:  # the exporter runs the user's own code, which can raise anything
        raise export_failure(path, error) from error
    if program is None:
        raise AssertionError("the exporter returned no program")
    _require_dynamic(path, program.model, specs)
    return finished(path, program.model, opset)


def _require_dynamic(path: Path, model: ir.Model, specs: Sequence[TensorSpec]) -> None:
    """Refuse a model in which the exporter silently fixed an axis that has to be dynamic."""
    shapes = {value.name: value.shape for value in model.graph.inputs}
    for spec in specs:
        for wanted, exported in zip(spec.shape, shapes.get(spec.name) or (), strict=False):
            if isinstance(wanted, str) and isinstance(exported, int):
                raise fixed_axis(path, specs, wanted, exported)


def _dynamic_axes(spec: TensorSpec) -> dict[int, torch.export.Dim]:
    return {axis: torch.export.Dim(size) for axis, size in enumerate(spec.shape) if isinstance(size, str)}


def fixed_axis(path: Path, specs: Sequence[TensorSpec], axis: str, size: int) -> ModelInputError:
    """Make the error that a model's code fixes the size of an axis that should be dynamic."""
    shapes = " ".join(
        f"--input {replace(spec, shape=tuple(size if a == axis else a for a in spec.shape))}" for spec in specs
    )
    return ModelInputError(f"{path} only works with a {axis} of {size}: give the sizes that its code fixes, {shapes}.")


def export_failure(path: Path, error: BaseException) -> UnsupportedModelError:
    """Make the error that an exporter failed, with the message of the first exception in the chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = first_line(error)
    if "data-dependent" in reason:
        reason = "its code branches on the values of a tensor; save it as TorchScript, with torch.jit.script"
    return UnsupportedModelError(f"PyTorch can't export {path} to ONNX: {reason}")


def finished(path: Path, model: ir.Model, opset: int | None) -> ir.Model:
    """Convert an exported model to the requested opset, and remove the exporter's notes, which hold local paths.

    Raises:
        UsageError: the exporter can't reach the opset; it then silently uses another.
    """
    current = model.opset_imports[""]
    wanted = max(opset or current, OLDEST_OPSET)
    if current > wanted:
        raise UsageError(
            f"PyTorch can't export {path} to opset {wanted}, only to {current}: give a later --opset or leave it out."
        )
    with naming(path):
        convert_up(model, wanted)
    common.ClearMetadataAndDocStringPass()(model)
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what the exporter prints (a missing torchvision, deprecations, graphs) from the user."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
