"""Choose the output of an ONNX model that holds the logits."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError, UsageError
from dynanoise_export.graph.class_maps import repeats_an_output
from dynanoise_export.graph.declared_shapes import batch_of, correct_shapes
from dynanoise_export.graph.map_types import other_type
from dynanoise_export.graph.patterns import STANDARD, unchanged
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.outputs import OutputSpec, choose_output
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, row_count


def choose_onnx_output(path: Path, model: ir.Model, options: SourceOptions, example: Arrays) -> OutputSpec:
    """Choose the logits among the outputs or, if the user names them, among all values of the graph.

    What the file says about shapes is corrected where a run on the example contradicts it.

    Args:
        path: of the model, for messages.
        model: changed in place.
        options: what the user says.
        example: values for the inputs.

    Raises:
        UserError: no output is that of a single-label classifier, or several could be.
    """
    described = [_describe(value) for value in _candidates(path, model, options.logits)]
    outputs = described
    if any(output.floating and _must_be_measured(model, output) for output in described):
        with naming(path):
            outputs = _measured(model, described, example)
    chosen = choose_output(path, outputs, options.logits, binary=options.scores.binary)
    stated = next(output for output in described if output.name == chosen.name)
    if stated.shape and isinstance(stated.shape[0], int) and chosen.shape[:1] == ("batch",):
        correct_shapes(model, stale=True)
    return chosen


def make_output(model: ir.Model, chosen: OutputSpec) -> None:
    """Make a value of the main graph one of its outputs, unless it is one already, and state its shape."""
    value = value_named(model, chosen.name)
    if value is None:
        return
    if value not in model.graph.outputs:
        model.graph.outputs.append(value)
    first = chosen.shape[0] if isinstance(chosen.shape[0], int) else batch_of(model)
    value.shape = ir.Shape([first, *chosen.shape[1:]])


def _candidates(path: Path, model: ir.Model, wanted: str | None) -> list[ir.Value]:
    outputs = list(model.graph.outputs)
    tensors = [value for value in outputs if other_type(value) is None and not repeats_an_output(model, value)]
    if wanted is not None:
        value = value_named(model, wanted)
        if value is None:
            listed = ", ".join(str(_describe(output)) for output in tensors)
            raise UsageError(f"{path} has no value {wanted!r}; its outputs are {listed}.")
        outputs, tensors = [value], [] if other_type(value) else [value]
    others = [value for value in outputs if value not in tensors]
    if others and not any(_describe(value).floating for value in tensors):
        raise UnsupportedModelError(
            f"The output {others[0].name!r} of {path} is a {other_type(others[0])}, and a defence needs a tensor of "
            "scores: export the model again with one, or name a value inside it with --logits NAME."
        )
    return tensors


def _describe(value: ir.Value) -> OutputSpec:
    shape = () if value.shape is None else tuple(a if isinstance(a, int) else a.value for a in value.shape)
    return OutputSpec(value.name or "", value.dtype is not None and value.dtype.is_floating_point(), shape)


def _must_be_measured(model: ir.Model, output: OutputSpec) -> bool:
    """Whether the file does not say how many scores there are, or a number of rows that its inputs do not fix."""
    axes = len(output.shape)
    known = axes == 3 or (axes > 1 and all(isinstance(axis, int) for axis in output.shape[1:]))
    fixed = isinstance(output.shape[0], int) if axes else False
    return not known or (fixed and not isinstance(batch_of(model), int)) or _is_foreign(model, output)


def _is_foreign(model: ir.Model, output: OutputSpec) -> bool:
    """Whether another domain's operator made an output. ONNX can't check its stated shape, and some converters err."""
    value = value_named(model, output.name)
    node = None if value is None else unchanged(value).value.producer()
    return node is not None and node.domain not in STANDARD


def _measured(model: ir.Model, outputs: Sequence[OutputSpec], example: Arrays) -> list[OutputSpec]:
    """Run the model once, for the sizes that its file does not state."""
    copy = model.clone()
    floating = {output.name: value for output in outputs if (value := value_named(copy, output.name)) is not None}
    copy.graph.outputs[:] = floating.values()
    with open_graph(copy, light=True) as predictor:
        answers = predictor.run(example)
    rows = row_count(example)
    measured = []
    for output in outputs:
        first, *others = np.shape(answers[output.name]) or (1,)
        measured.append(replace(output, shape=("batch" if first == rows else first, *others)))
    return [new if old.floating else old for old, new in zip(outputs, measured, strict=True)]
