"""Make the fixed batch of an ONNX model dynamic, and try whether each row gets the answer that it got before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError, UserError
from dynanoise_export.graph.dynamic_batch import Extent, Observed, free_batch, to_observe
from dynanoise_export.graph.specs import fixed_batch, input_specs, with_dynamic_batch
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.fixed_batch import any_rows
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import Predictor, batches
from dynanoise_export.sources.input_choice import choose_inputs
from dynanoise_export.sources.made_up_rows import runs_in
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.onnx_outputs import choose_onnx_output
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Array, Arrays, row_count

# The sizes of batch that are tried, beside that of all rows.
SIZES = (1, 3)
# How far an answer may differ from that in the fixed batch, in units of the largest answer.
TOLERANCE = 1e-4

TOGETHER = "the answer to a row depends on the other rows of its batch"


def with_freed_batch(path: Path, format: str, model: ir.Model, options: SourceOptions) -> ir.Model:
    """Make the batch of a model dynamic, if it is fixed.

    Args:
        path: of its file, for messages.
        format: of the file, for messages.
        model: as it was read.
        options: what the user says.

    Returns:
        A changed copy; the model itself if its batch is dynamic.

    Raises:
        UnsupportedModelError: the graph does not allow it, or the rows of a batch influence each other.
    """
    with naming(path):
        specs = input_specs(model)
    size = fixed_batch(specs)
    if size is None:
        return model
    rows = _rows(path, format, model, options)
    example = {name: array[np.arange(size) % len(array)] for name, array in rows.items()}
    chosen = choose_onnx_output(path, model, options, example)
    with naming(path), any_rows(_open(model, chosen.name), size) as predictor:
        expected = _expected(predictor, chosen.name, rows, size)
        observed = _observed(model, rows, size)
    problem: str | None = TOGETHER
    for extent in Extent if expected is not None else ():
        freed = free_batch(model, specs, observed, extent)
        problem = _problem(freed, chosen.name, rows, expected)
        if problem is None:
            return freed
    raise UnsupportedModelError(
        f"The batch of {path}, which is fixed at {size}, can't be made dynamic: {problem}; leave --dynamic-batch out, "
        "or make the file again with a dynamic batch."
    )


def _rows(path: Path, format: str, model: ir.Model, options: SourceOptions) -> Arrays:
    """Choose rows for a trial, as many as for a dynamic batch."""
    with naming(path):
        specs = input_specs(model)
        trial = open_graph(model, light=True)
    free = replace(options, inputs=with_dynamic_batch(options.inputs))
    with any_rows(trial, fixed_batch(specs)) as predictor:
        return choose_inputs(path, format, free, with_dynamic_batch(specs), runs=runs_in(predictor))[1]


def _open(model: ir.Model, *outputs: str) -> Predictor:
    copy = model.clone()
    copy.graph.outputs[:] = [value for value in (value_named(copy, name) for name in outputs) if value is not None]
    return open_graph(copy, light=True)


def _observed(model: ir.Model, rows: Arrays, size: int) -> Observed:
    """Run the model on the first rows, and once more with another first row."""
    order = np.arange(size) % row_count(rows)
    orders = [order, np.array([row_count(rows) - 1, *order[1:]])]
    first, second = ({name: array[chosen] for name, array in rows.items()} for chosen in orders)
    names = [str(value.name) for value in to_observe(model)]
    if not names:
        return Observed(size, first, second)
    with _open(model, *names) as predictor:
        return Observed(size, first | predictor.run(first), second | predictor.run(second))


def _expected(predictor: Predictor, output: str, rows: Arrays, size: int) -> Array | None:
    """Answer each row in the fixed batch; None if the answers depend on the other rows there."""
    answers = predictor.run(rows)[output]
    backwards = predictor.run({name: array[::-1] for name, array in rows.items()})[output][::-1]
    return answers if size == 1 or _same(answers, backwards) else None


def _problem(freed: ir.Model, output: str, rows: Arrays, expected: Array | None) -> str | None:
    """Try batches of several sizes, and say what is wrong; None if each row gets the expected answer."""
    size = 0
    try:
        with _open(freed, output) as predictor:
            for size in sorted({*SIZES, row_count(rows)}):
                parts = [(row_count(batch), predictor.run(batch)[output]) for batch in batches(rows, size)]
                if any(len(part) != count for count, part in parts):
                    return f"a batch of {size} does not get {size} answers"
                if not _same(np.concatenate([part for _, part in parts]), expected):
                    return TOGETHER
    except UserError:
        return f"it does not run on a batch of {size}" if size else "it does not open"
    return None


def _same(answers: Array, expected: Array | None) -> bool:
    ours, theirs = np.asarray(answers, np.float64), np.asarray(expected, np.float64)
    if ours.shape != theirs.shape:
        return False
    return bool((np.abs(ours - theirs) <= TOLERANCE * max(1.0, float(np.abs(theirs).max()))).all())
