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

from dynanoise_export.defences.dynanoise_onnx import OLDEST_OPSET
from dynanoise_export.errors import UserError, first_line
from dynanoise_export.graph.opset import convert_up
from dynanoise_export.runtimes.pytorch import bind
from dynanoise_export.sources.inputs import Arrays, TensorSpec


def export_module(
    path: Path,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    example: Arrays,
    outputs: Sequence[str],
    output: str,
    opset: int | None,
) -> ir.Model:
    """Export a module, with the axes dynamic that have a name.

    Raises:
        UserError: the exporter gives up, or fixes an axis that was to be dynamic.
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
    except Exception as error:  # the exporter runs the user's own code
        raise export_failure(path, error) from error
    if program is None:
        raise AssertionError("the exporter gave no program")
    _require_dynamic(path, program.model, specs)
    return finished(path, program.model, opset)


def _require_dynamic(path: Path, model: ir.Model, specs: Sequence[TensorSpec]) -> None:
    """Refuse a model with an axis that was to be dynamic: the exporter fixes one without a word if it must."""
    shapes = {value.name: value.shape for value in model.graph.inputs}
    for spec in specs:
        for asked, made in zip(spec.shape, shapes.get(spec.name) or (), strict=False):
            if isinstance(asked, str) and isinstance(made, int):
                raise fixed_axis(path, specs, asked, made)


def _dynamic_axes(spec: TensorSpec) -> dict[int, torch.export.Dim]:
    return {axis: torch.export.Dim(size) for axis, size in enumerate(spec.shape) if isinstance(size, str)}


def fixed_axis(path: Path, specs: Sequence[TensorSpec], axis: str, size: int) -> UserError:
    """Say that a model's code settles on one size for an axis that should be dynamic."""
    shapes = " ".join(
        f"--input {replace(spec, shape=tuple(size if a == axis else a for a in spec.shape))}" for spec in specs
    )
    return UserError(
        f"{path} works with a {axis} of {size} and no other, so say the sizes that its code fixes: {shapes}."
    )


def export_failure(path: Path, error: BaseException) -> UserError:
    """Say why an exporter gave up, by the exception that began it."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = first_line(error)
    if "data-dependent" in reason:
        reason = "its code branches on the values of a tensor; save it as TorchScript, with torch.jit.script"
    return UserError(f"PyTorch can't export {path} to ONNX: {reason}")


def finished(path: Path, model: ir.Model, opset: int | None) -> ir.Model:
    """Bring what an exporter made to the opset asked for, and take out its notes: they hold paths of this machine.

    Raises:
        UserError: the model has no such opset; the exporter gives another then, without a word.
    """
    current = model.opset_imports[""]
    wanted = max(opset or current, OLDEST_OPSET)
    if current > wanted:
        raise UserError(
            f"PyTorch can't export {path} to opset {wanted} but to {current}: ask for a later one or leave --opset out."
        )
    convert_up(model, wanted)
    common.ClearMetadataAndDocStringPass()(model)
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's own news (a missing torchvision, its deprecations, its graphs) off the user's terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
