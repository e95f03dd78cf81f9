"""ONNX files as sources; their weights stay on disk."""

from functools import partial
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.errors import DefenceError
from dynanoise_export.graph.attach import carries_defence
from dynanoise_export.graph.checker import check_graph
from dynanoise_export.graph.class_maps import class_names
from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.declared_shapes import correct_shapes
from dynanoise_export.graph.model_files import external_files, read_model
from dynanoise_export.graph.opset import convert_up
from dynanoise_export.graph.specs import input_specs, require_tensors
from dynanoise_export.graph.values import value_named
from dynanoise_export.onnx_functions import OLDEST_OPSET
from dynanoise_export.records import reading
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.batch_freeing import with_freed_batch
from dynanoise_export.sources.input_choice import choose_inputs
from dynanoise_export.sources.made_up_rows import runs_in
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.onnx_inputs import state_shapes
from dynanoise_export.sources.onnx_outputs import choose_onnx_output, make_output
from dynanoise_export.sources.outputs import OutputSpec
from dynanoise_export.sources.source_model import SourceModel, SourceOptions

FORMAT = "an ONNX file"


def open_onnx(path: Path, options: SourceOptions) -> SourceModel:
    """Open an ONNX file of opset 9 or later.

    Raises:
        UserError: it is damaged, already has a defence, or is not a single-label classifier.
    """
    with reading(path, FORMAT):
        return _opened(path, options)


def _opened(path: Path, options: SourceOptions) -> SourceModel:
    model = read_model(path)
    with naming(path):
        digest = content_sha256(model)
    if carries_defence(model):
        raise DefenceError(f"{path} already has a defence: export the undefended model instead.")
    check_graph(path, model)
    state_shapes(model, options)
    with naming(path):
        require_tensors(model)
    correct_shapes(model)
    if options.dynamic_batch:
        model = with_freed_batch(path, FORMAT, model, options)
    with naming(path):
        specs = input_specs(model)
        trial = open_graph(model, light=True)
    with trial as predictor:
        inputs, example = choose_inputs(path, FORMAT, options, specs, runs=runs_in(predictor))
    chosen = choose_onnx_output(path, model, options, example)
    classes = chosen.classes(binary=options.scores.binary)
    output = value_named(model, chosen.name)
    return SourceModel(
        path=path,
        format=FORMAT,
        sha256=digest,
        inputs=tuple(inputs),
        example=example,
        output=chosen.name,
        classes=classes,
        scores=options.scores,
        dropped=tuple(v.name or "" for v in model.graph.outputs if v.name != chosen.name),
        module=None,
        to_onnx=partial(_converted, path, model, chosen),
        labels=() if output is None else class_names(model, output, classes),
        data_files=tuple(external_files(model)),
    )


def _converted(path: Path, model: ir.Model, output: OutputSpec, opset: int | None) -> ir.Model:
    # A caller may change what it gets, and ask for the model again.
    made = model.clone()
    with reading(path, FORMAT):
        with naming(path):
            convert_up(made, max(opset or 0, OLDEST_OPSET))
        make_output(made, output)
    return made
