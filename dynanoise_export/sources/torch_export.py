"""From a PyTorch module to ONNX, through PyTorch's own exporter."""

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes import common

from dynanoise_export.errors import UnsupportedModelError, UsageError, first_line
from dynanoise_export.graph.opset import convert_up
from dynanoise_export.onnx_functions import OLDEST_OPSET
from dynanoise_export.runtimes.pytorch import bind
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.source_module import fixed_axis
from dynanoise_export.types import Arrays, TensorSpec

# Why an exporter fails that follows the code on one example.
BRANCHES = "its code branches on the values of a tensor"
FIXES = "its code fixes the number or the length of rows"
# The opsets of the exporter for TorchScript.
DEFAULT_OPSET, NEWEST_OPSET = 17, 20


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
    require_dynamic(path, program.model, specs)
    return finished(path, program.model, opset)


def export_traced(
    path: Path,
    traced: Any,
    specs: Sequence[TensorSpec],
    example: Arrays,
    output: str,
    opset: int | None,
) -> ir.Model:
    """Export TorchScript with one output, which the newer exporter does not take; axes with a name become dynamic.

    Args:
        path: of the user's file, for messages.
        traced: a TorchScript module or function, which takes the inputs in their order.
        specs: its inputs.
        example: values for them.
        output: the name of its output.
        opset: of the ONNX model; None for the exporter's default.

    Raises:
        UserError: the exporter fails.
    """
    tensors = tuple(torch.from_numpy(np.array(example[spec.name])) for spec in specs)
    axes = {spec.name: {i: axis for i, axis in enumerate(spec.shape) if isinstance(axis, str)} for spec in specs}
    if batch := next((names[0] for names in axes.values() if 0 in names), None):
        axes[output] = {0: batch}
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "model.onnx"
        try:
            # When the exporter fails, it prints the graph, and has no option against that.
            with quiet(), mock.patch.object(torch._C, "_jit_onnx_log"):
                torch.onnx.export(
                    traced,
                    tensors,
                    exported,
                    dynamo=False,
                    opset_version=min(opset or DEFAULT_OPSET, NEWEST_OPSET),
                    input_names=[spec.name for spec in specs],
                    output_names=[output],
                    dynamic_axes=axes,
                )
        except Exception as error:  # an operator's converter can raise anything
            raise export_failure(path, error) from error
        model = ir.load(exported)
        ir.external_data.load_to_model(model)
    return finished(path, model, opset)


def require_dynamic(path: Path, model: ir.Model, specs: Sequence[TensorSpec]) -> None:
    """Refuse a model in which the exporter silently fixed an axis that has to be dynamic.

    Raises:
        ModelInputError: names the sizes to give.
    """
    shapes = {value.name: value.shape for value in model.graph.inputs}
    for spec in specs:
        for wanted, exported in zip(spec.shape, shapes.get(spec.name) or (), strict=False):
            if isinstance(wanted, str) and isinstance(exported, int):
                raise fixed_axis(path, specs, wanted, exported)


def _dynamic_axes(spec: TensorSpec) -> dict[int, torch.export.Dim]:
    return {axis: torch.export.Dim(size) for axis, size in enumerate(spec.shape) if isinstance(size, str)}


def export_failure(path: Path, error: BaseException) -> UnsupportedModelError:
    """Make the error that an exporter failed."""
    reason = failure_reason(error)
    way_out = "; save it as TorchScript, with torch.jit.script" if reason == BRANCHES else ""
    return UnsupportedModelError(f"PyTorch can't export {path} to ONNX: {reason}{way_out}")


def failure_reason(error: BaseException) -> str:
    """Say why an exporter failed, with the message of the first exception in the chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = first_line(error).partition("  [Caused by")[0].rstrip(".")  # which names values of PyTorch's own graph
    if "data-dependent" in reason:
        return BRANCHES
    return FIXES if "Constraints violated" in reason else reason


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
    _keep_zeros_at_edges(model)
    common.ClearMetadataAndDocStringPass()(model)
    return model


def _keep_zeros_at_edges(model: ir.Model) -> None:
    """Keep ONNX Runtime from merging zeros around an image into the maximum over its parts, which then ignores them.

    The runtime merges padding with zeros only, so the padding becomes the smallest positive number.
    """
    for node in list(model.graph):
        padding = node.inputs[0].producer() if node.op_type == "MaxPool" and node.inputs[0] is not None else None
        if padding is None or padding.op_type != "Pad":
            continue
        image, around = padding.inputs[0], padding.inputs[2] if len(padding.inputs) > 2 else None
        number = None if around is None else ir.convenience.get_const_tensor(around)
        if image is None or image.dtype != ir.DataType.FLOAT or (around is not None and number is None):
            continue
        if number is None or not number.numpy().any():
            smallest = ir.Value(name=f"{node.name}_edge", const_value=ir.tensor(np.finfo(np.float32).tiny))
            model.graph.initializers.add(smallest)
            padding.resize_inputs(max(3, len(padding.inputs)))
            padding.replace_input_with(2, smallest)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what an exporter prints (its steps, a missing torchvision, deprecations, graphs) from the user."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
