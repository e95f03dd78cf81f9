"""Is the file a well-formed model that runs as it declares."""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import UserError
from dynanoise_export.graph.checker import check_form
from dynanoise_export.runtimes.predictor import Predictor, answer
from dynanoise_export.types import Array, Arrays, TensorSpec, row_count
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, failed, judge, not_run, passed
from dynanoise_export.validation.input_noise_checks import with_normals

BATCHES = (1, 3, 32)


def well_formed(graph: Graph) -> Check:
    """Check the file with ONNX's own checker and full shape inference."""
    code = CheckCode.WELL_FORMED
    try:
        check_form(graph.path)
    except UserError as error:
        return failed(code, str(error))
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in graph.model.opset_imports.items())
    return passed(code, f"ONNX's checker and its full shape inference pass ({opsets}).")


def runs_as_declared(case: Case, predictor: Predictor) -> Check:
    """Check that the model takes any number of rows, and any size of the other axes that it declares as dynamic.

    A text model is run at two lengths. A batch that the reference does not fix must not be fixed.
    """
    code, inputs = CheckCode.BATCH_AXIS, case.model.inputs
    fixed = any(not spec.shape or isinstance(spec.shape[0], int) for spec in inputs)
    if fixed and (case.batch is None or case.batch != case.reference_batch):
        listed = ", ".join(map(str, inputs))
        return judge(code, 1, 0, f"The first axis of an input is fixed, so the batch can't change: {listed}.")
    shapes = []
    for batch in _variants(case):
        try:
            answer(predictor, with_normals(case, batch, 0), case.model.answers, case.model.name, case.classes)
        except UserError as error:
            return judge(code, 1, 0, f"The model does not run as it declares: {error}")
        shapes.append(" and ".join(str(list(array.shape)) for array in batch.values()))
    if not shapes:
        return not_run(code, "there are no rows")
    ran = f"It ran on {'; '.join(shapes)}."
    if fixed:
        ran = f"The batch is fixed at {case.batch}, as in the reference's file. {ran}"
    return judge(code, 0, 0, ran)


def _variants(case: Case) -> Iterator[Arrays]:
    rows, specs, count = case.rows, case.model.inputs, row_count(case.rows)
    for batch in BATCHES if case.batch is None else (case.batch,):
        yield {name: array[np.arange(batch) % count] for name, array in rows.items()}
    for length in sorted(_dynamic_axes(case)):
        yield {spec.name: _shortened(rows[spec.name][: min(count, 3)], spec, length) for spec in specs}


def _dynamic_axes(case: Case) -> set[str]:
    """Name the axes, without the batch, that have no fixed size; an axis that a file does not name is unknown."""
    named = {axis for spec in case.model.inputs for axis in spec.shape[1:] if isinstance(axis, str)}
    if case.model.graph is None:
        return named
    inputs = case.model.graph.model.graph.inputs
    return named & {axis.value for value in inputs for axis in value.shape or () if isinstance(axis, ir.SymbolicDim)}


def _shortened(array: Array, spec: TensorSpec, axis_name: str) -> Array:
    """Halve the axes of this name, which a model that declares them dynamic must accept."""
    for axis, size in enumerate(spec.shape):
        if size == axis_name:
            array = np.take(array, range(max(1, array.shape[axis] // 2)), axis=axis)
    return np.ascontiguousarray(array)
