"""Is the file a well-formed model that runs as it declares."""

from collections.abc import Iterator

import numpy as np

from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.errors import UserError
from dynanoise_export.graph.check import check_form
from dynanoise_export.runtimes.predictor import Predictor, rows_of
from dynanoise_export.sources.inputs import Arrays, TensorSpec
from dynanoise_export.validation.check import Check, judge, not_made

BATCHES = (1, 3, 32)


def well_formed(graph: Graph) -> Check:
    """Check the file with ONNX's own checker and full shape inference."""
    name = "well-formed"
    try:
        check_form(graph.path)
    except UserError as error:
        return Check(name, False, None, None, str(error))
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in graph.model.opset_imports.items())
    return Check(name, True, None, None, f"ONNX's checker and its full shape inference pass ({opsets}).")


def runs_as_declared(deployed: DeployedModel, predictor: Predictor, rows: Arrays) -> Check:
    """Check that the model takes any number of rows, and of whatever else it declares as dynamic.

    A text model is run at two lengths. A file that declares one fixed batch is not a file for a server.
    """
    name = "batch axis"
    if any(not spec.shape or isinstance(spec.shape[0], int) for spec in deployed.inputs):
        fixed = ", ".join(map(str, deployed.inputs))
        return judge(name, 1, 0, f"The first axis of an input is fixed, so the batch can't change: {fixed}.")
    asked = []
    for batch in _variants(deployed.inputs, rows):
        shapes = {key: list(array.shape) for key, array in batch.items()}
        try:
            answers = predictor.run(batch)[deployed.answers]
        except UserError as error:
            return judge(name, 1, 0, f"The model does not run as it declares: {error}")
        if answers.shape[0] != rows_of(batch):
            return judge(name, 1, 0, f"The model answers {rows_of(batch)} rows with {answers.shape[0]}.")
        asked.append(" and ".join(str(shape) for shape in shapes.values()))
    if not asked:
        return not_made(name, "there are no rows")
    return judge(name, 0, 0, f"It ran on {'; '.join(asked)}.")


def _variants(specs: tuple[TensorSpec, ...], rows: Arrays) -> Iterator[Arrays]:
    count = rows_of(rows)
    for batch in BATCHES:
        yield {name: array[np.arange(batch) % count] for name, array in rows.items()}
    lengths = {axis for spec in specs for axis in spec.shape[1:] if isinstance(axis, str)}
    for length in sorted(lengths):
        yield {spec.name: _shortened(rows[spec.name][: min(count, 3)], spec, length) for spec in specs}


def _shortened(array: np.ndarray, spec: TensorSpec, axis_name: str) -> np.ndarray:
    """Halve the axes of this name; a model that declares them dynamic must take that."""
    for axis, size in enumerate(spec.shape):
        if size == axis_name:
            array = np.take(array, range(max(1, array.shape[axis] // 2)), axis=axis)
    return np.ascontiguousarray(array)
