"""An ONNX file as a target; its weights stay on disk."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.dynanoise_onnx import OLDEST_OPSET
from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.graph import opset as opsets
from dynanoise_export.graph.attach import carries_head
from dynanoise_export.graph.check import check_graph
from dynanoise_export.graph.files import external_files, read_model
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.graph_session import predictor_of
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.input_choice import settle_inputs
from dynanoise_export.sources.inputs import Arrays, TensorSpec, axis_name
from dynanoise_export.sources.outputs import OutputSpec, choose_output
from dynanoise_export.sources.source_model import SourceModel, SourceOptions


def open_onnx(path: Path, options: SourceOptions) -> SourceModel:
    """Open an ONNX file, of opset 9 or later.

    Raises:
        UserError: it is damaged, carries a head, or is no classifier.
    """
    model = read_model(path)
    if carries_head(model):
        raise UserError(f"{path} carries a DynaNoise head already: export the undefended model instead.")
    check_graph(path, model)
    inputs, example = settle_inputs(path, "an ONNX file", options, input_specs(model))
    chosen = _choose(path, model, options.logits, example)
    return SourceModel(
        path=path,
        format="an ONNX file",
        sha256=sha256(path, *external_files(model)),
        inputs=tuple(inputs),
        example=example,
        output=chosen.name,
        classes=int(chosen.shape[1] or 0),
        dropped=tuple(v.name or "" for v in model.graph.outputs if v.name != chosen.name),
        module=None,
        to_onnx=partial(_converted, path, model, chosen.name),
    )


def input_specs(model: ir.Model) -> tuple[TensorSpec, ...]:
    """Tell the inputs of an ONNX model; a nameless dynamic axis gets a name by its place."""
    specs = []
    for value in model.graph.inputs:
        if value.name in model.graph.initializers:
            continue
        if value.shape is None or value.dtype is None:
            raise UserError(f"The input {value.name!r} has no declared type and shape.")
        if value.dtype == ir.DataType.STRING:
            raise UserError(f"The input {value.name!r} takes texts, and the model is run on numbers alone.")
        axes = [
            axis if isinstance(axis, int) else axis.value or axis_name(value.name or "", i)
            for i, axis in enumerate(value.shape)
        ]
        specs.append(TensorSpec(value.name or "", value.dtype.numpy().name, tuple(axes)))
    return tuple(specs)


def _choose(path: Path, model: ir.Model, wanted: str | None, example: Arrays) -> OutputSpec:
    """Choose the logits among the outputs or, if the user names them, among all values of the graph."""
    if any(value.shape is None for value in model.graph.outputs) or wanted is not None:
        common.ShapeInferencePass()(model)
    outputs = [_describe(value) for value in model.graph.outputs]
    if wanted is not None:
        value = value_named(model, wanted)
        if value is None:
            raise UserError(f"{path} has no value {wanted!r}; its outputs are {', '.join(map(str, outputs))}.")
        outputs = [_describe(value)]
    if any(output.floating and not _counts_classes(output) for output in outputs):
        outputs = _measured(path, model, outputs, example)
    return choose_output(path, outputs, wanted)


def _describe(value: ir.Value) -> OutputSpec:
    shape = () if value.shape is None else tuple(a if isinstance(a, int) else a.value for a in value.shape)
    return OutputSpec(value.name or "", value.dtype is not None and value.dtype.is_floating_point(), shape)


def _counts_classes(output: OutputSpec) -> bool:
    return len(output.shape) > 2 or (len(output.shape) == 2 and isinstance(output.shape[1], int))


def _measured(path: Path, model: ir.Model, outputs: Sequence[OutputSpec], example: Arrays) -> list[OutputSpec]:
    """Run the undefended model once, for the sizes that its file does not say."""
    names = {value.name for value in model.graph.outputs}
    if all(output.name in names for output in outputs):
        predictor = OnnxRuntimePredictor(path, light=True)
    else:
        whole = model.clone()
        for output in outputs:
            _give(whole, output.name)
        predictor = predictor_of(whole)
    given = predictor.run(example)
    return [replace(o, shape=("batch", *np.shape(given[o.name])[1:])) if o.floating else o for o in outputs]


def _converted(path: Path, model: ir.Model, output: str, opset: int | None) -> ir.Model:
    try:
        opsets.convert_up(model, max(opset or 0, OLDEST_OPSET))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    _give(model, output)
    return model


def _give(model: ir.Model, name: str) -> None:
    """Make an output of a value within the graph."""
    value = value_named(model, name)
    if value is not None and value not in model.graph.outputs:
        model.graph.outputs.append(value)
