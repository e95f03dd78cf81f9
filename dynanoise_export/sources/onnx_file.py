"""ONNX files as sources; their weights stay on disk."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import DefenceError, UsageError
from dynanoise_export.files import sha256
from dynanoise_export.graph.attach import carries_defence
from dynanoise_export.graph.checker import check_graph
from dynanoise_export.graph.model_files import external_files, read_model
from dynanoise_export.graph.opset import convert_up
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.graph.values import value_named
from dynanoise_export.onnx_functions import OLDEST_OPSET
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.input_choice import choose_inputs
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.outputs import OutputSpec, choose_output
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.types import Arrays

FORMAT = "an ONNX file"


def open_onnx(path: Path, options: SourceOptions) -> SourceModel:
    """Open an ONNX file of opset 9 or later.

    Raises:
        UserError: it is damaged, already has a defence, or is not a single-label classifier.
    """
    model = read_model(path)
    if carries_defence(model):
        raise DefenceError(f"{path} already has a defence: export the undefended model instead.")
    check_graph(path, model)
    with naming(path):
        specs = input_specs(model)
    inputs, example = choose_inputs(path, FORMAT, options, specs)
    chosen = _choose(path, model, options.logits, example)
    return SourceModel(
        path=path,
        format=FORMAT,
        sha256=sha256(path, *external_files(model)),
        inputs=tuple(inputs),
        example=example,
        output=chosen.name,
        classes=int(chosen.shape[1] or 0),
        dropped=tuple(v.name or "" for v in model.graph.outputs if v.name != chosen.name),
        module=None,
        to_onnx=partial(_converted, path, model, chosen.name),
    )


def _choose(path: Path, model: ir.Model, wanted: str | None, example: Arrays) -> OutputSpec:
    """Choose the logits among the outputs or, if the user names them, among all values of the graph."""
    if any(value.shape is None for value in model.graph.outputs) or wanted is not None:
        common.ShapeInferencePass()(model)
    outputs = [_describe(value) for value in model.graph.outputs]
    if wanted is not None:
        value = value_named(model, wanted)
        if value is None:
            raise UsageError(f"{path} has no value {wanted!r}; its outputs are {', '.join(map(str, outputs))}.")
        outputs = [_describe(value)]
    if any(output.floating and not _has_known_classes(output) for output in outputs):
        with naming(path):
            outputs = _measured(path, model, outputs, example)
    return choose_output(path, outputs, wanted)


def _describe(value: ir.Value) -> OutputSpec:
    shape = () if value.shape is None else tuple(a if isinstance(a, int) else a.value for a in value.shape)
    return OutputSpec(value.name or "", value.dtype is not None and value.dtype.is_floating_point(), shape)


def _has_known_classes(output: OutputSpec) -> bool:
    return len(output.shape) > 2 or (len(output.shape) == 2 and isinstance(output.shape[1], int))


def _measured(path: Path, model: ir.Model, outputs: Sequence[OutputSpec], example: Arrays) -> list[OutputSpec]:
    """Run the undefended model once, for the sizes that its file does not state."""
    names = {value.name for value in model.graph.outputs}
    if all(output.name in names for output in outputs):
        predictor = OnnxRuntimePredictor(path, light=True)
    else:
        extended = model.clone()
        for output in outputs:
            _make_output(extended, output.name)
        predictor = open_graph(extended)
    with predictor:
        answers = predictor.run(example)
    return [replace(o, shape=("batch", *np.shape(answers[o.name])[1:])) if o.floating else o for o in outputs]


def _converted(path: Path, model: ir.Model, output: str, opset: int | None) -> ir.Model:
    with naming(path):
        convert_up(model, max(opset or 0, OLDEST_OPSET))
    _make_output(model, output)
    return model


def _make_output(model: ir.Model, name: str) -> None:
    """Make a value within the graph one of its outputs, unless it is one already."""
    value = value_named(model, name)
    if value is not None and value not in model.graph.outputs:
        model.graph.outputs.append(value)
