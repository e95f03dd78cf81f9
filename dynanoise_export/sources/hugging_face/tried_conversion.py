"""From a Hugging Face model to ONNX by two exporters; a trial on other rows decides which of them was right.

An exporter follows the model's code on example rows. Code that decides by the number or the length of rows, or by their
values, leaves a file that answers those rows rightly and others wrongly.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes import common

from dynanoise_export.errors import UnsupportedModelError, UsageError, UserError
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.pytorch import named_outputs, run_module
from dynanoise_export.sources.axes import rename_axes
from dynanoise_export.sources.hugging_face.example_rows import RowMaker
from dynanoise_export.sources.hugging_face.text_inputs import fixed_length
from dynanoise_export.sources.torch_export import (
    export_failure,
    export_traced,
    failure_reason,
    finished,
    quiet,
    require_dynamic,
)
from dynanoise_export.types import Array, Arrays, TensorSpec

# How far an answer may differ, relative to the largest: what float32 causes in a deep network between two runtimes.
TOLERANCE = 1e-4

WRONG = "the result answers rows of another number, length or content wrongly"

# A trial: rows, and the model's own answers to them [n, k].
Trial = tuple[Arrays, Array]


def convert(
    maker: RowMaker,
    path: Path,
    model: Any,
    specs: Sequence[TensorSpec],
    example: Arrays,
    outputs: Sequence[str],
    output: str,
    opset: int | None,
) -> ir.Model:
    """Convert a model with the first exporter whose result answers other rows as the model does.

    Args:
        maker: makes up the other rows.
        path: of the folder, for messages.
        model: of transformers, in evaluation mode.
        specs: its inputs.
        example: values for them.
        outputs: the names of its outputs.
        output: the name of the logits; the ONNX model has no other output.
        opset: of the ONNX model; None for the exporter's default.

    Raises:
        UserError: no exporter can convert it, or none does it rightly.
    """
    made = _converted(maker, path, model, example, output, opset)
    if isinstance(made, ir.Model):
        return made
    fixed = [replace(spec, shape=(spec.shape[0], *np.shape(example[spec.name])[1:])) for spec in specs]
    if fixed == list(specs):
        raise made
    if isinstance(_converted(RowMaker(maker.config, fixed), path, model, example, output, opset), ir.Model):
        raise fixed_length(path, specs, "depends on the length of the exporter's example")
    raise made


def _converted(
    maker: RowMaker, path: Path, model: Any, example: Arrays, output: str, opset: int | None
) -> ir.Model | UserError:
    """Give the first result that is right, or the error that says why there is none."""
    trials = _trials(path, model, maker, example, output)
    refusals: list[UserError] = []
    for export in (_by_transformers, _by_tracing):
        try:
            made = export(path, model, maker.specs, example, output, opset)
        except UserError as error:
            refusals.append(error)
            continue
        if _passes(made, output, trials):
            return made
    first = next(iter(refusals), None)
    if isinstance(first, UsageError):
        return first
    cause = None if first is None else first.__cause__
    reason = WRONG if cause is None else failure_reason(cause)
    return UnsupportedModelError(
        f"PyTorch can't export {path} to ONNX ({reason}): convert it with another tool, and give the ONNX file."
    )


def _trials(path: Path, model: Any, maker: RowMaker, example: Arrays, output: str) -> list[Trial]:
    """Let the model answer, in PyTorch, one row of the example and made-up rows of other numbers and lengths."""
    free = [spec.name for spec in maker.specs if isinstance(spec.shape[0], str)]
    asked = [{name: array[:1] if name in free else array for name, array in example.items()}]
    asked += [maker.rows(count, length, seed) for seed, (count, length) in enumerate(maker.other_sizes(), start=1)]
    trials: list[Trial] = []
    for rows in asked:
        try:
            trials.append((rows, run_module(path, model, rows)[output].numpy(force=True)))
        except UserError:  # it may not take rows of that length
            continue
    return trials


def _passes(made: ir.Model, output: str, trials: Sequence[Trial]) -> bool:
    """Whether the exported model answers the rows of all trials as the model itself does."""
    try:
        with open_graph(made) as predictor:
            return all(_same(np.asarray(predictor.run(rows)[output]), expected) for rows, expected in trials)
    except UserError:
        return False


def _same(answers: Array, expected: Array) -> bool:
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0)))
    return answers.shape == expected.shape and bool(np.allclose(answers, expected, rtol=0, atol=limit, equal_nan=True))


def _by_transformers(
    path: Path, model: Any, specs: Sequence[TensorSpec], example: Arrays, output: str, opset: int | None
) -> ir.Model:
    """Export through transformers, which knows how to replace what PyTorch's exporter can't follow in its models."""
    from transformers.exporters.configs import OnnxConfig
    from transformers.exporters.exporter_onnx import OnnxExporter

    tensors: dict[str, Any] = {spec.name: torch.from_numpy(np.array(example[spec.name])) for spec in specs}
    axes = {
        spec.name: {i: torch.export.Dim.DYNAMIC for i, axis in enumerate(spec.shape) if isinstance(axis, str)}
        for spec in specs
    }
    try:
        with quiet():
            options = OnnxConfig(dynamic=True, dynamic_shapes=axes, opset_version=opset)
            made: ir.Model = OnnxExporter().export(model, tensors, options).program
    except Exception as error:  # an exporter can raise anything
        raise export_failure(path, error) from error
    require_dynamic(path, made, specs)
    given = {value.name: value.shape or () for value in made.graph.inputs}
    sizes = {str(size): axis for spec in specs for size, axis in zip(given[spec.name], spec.shape, strict=True)}
    rename_axes(made, {size: axis for size, axis in sizes.items() if isinstance(axis, str)})
    made.graph.outputs[:] = [value for value in made.graph.outputs if value.name == output]
    common.RemoveUnusedNodesPass()(made)
    return finished(path, made, opset)


class _InOrder(torch.nn.Module):
    """Takes the inputs in their order, as a trace does, and returns one output."""

    def __init__(self, model: torch.nn.Module, inputs: Sequence[str], output: str) -> None:
        super().__init__()
        self.model, self.inputs, self.output = model, inputs, output

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return named_outputs(self.model(**dict(zip(self.inputs, tensors, strict=True))))[self.output]


def _by_tracing(
    path: Path, model: Any, specs: Sequence[TensorSpec], example: Arrays, output: str, opset: int | None
) -> ir.Model:
    """Export through TorchScript, whose exporter takes other operators, and leaves more sizes open."""
    module = _InOrder(model, [spec.name for spec in specs], output).eval()
    tensors = tuple(torch.from_numpy(np.array(example[spec.name])) for spec in specs)
    try:
        with quiet(), torch.no_grad():
            traced = torch.jit.trace(module, tensors, check_trace=False)
    except Exception as error:  # the model's code may do what a trace can't hold
        raise export_failure(path, error) from error
    return export_traced(path, traced, specs, example, output, opset)
