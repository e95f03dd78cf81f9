"""Search among the values of a graph for those whose softmax its output is."""

import math
from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.logits import Ending, Logits, Scale
from dynanoise_export.graph.patterns import floats_above
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.score_values import softmax_of
from dynanoise_export.types import Array, Arrays, Float64s, row_count

# A softmax takes no more operators than this from its logits to the output.
NEAREST = 32
# How far an answer may be from the softmax of the logits, because of rounding and of float16. Probabilities below
# INFORMATIVE, and their complements, say nothing then; so many others, all different, must agree.
RELATIVE, ABSOLUTE, INFORMATIVE, FEWEST = 1e-2, 1e-7, 1e-5, 4


def search_logits(model: ir.Model, output: ir.Value, example: Arrays, scores: Float64s) -> Logits | None:
    """Find the nearest value above an output whose softmax it is, on the example; None if the rows show none.

    Args:
        model: the source's; it is not changed.
        output: its output with probabilities.
        example: rows for the inputs.
        scores: what the output is for them, [n, k], or [n, 1] for the second of two classes.
    """
    free = scores[:, 1:] if scores.shape[1] > 1 else scores  # the first follows from them
    if np.unique(free[np.minimum(free, 1 - free) > INFORMATIVE]).size < FEWEST:
        return None
    candidates = [value for value in floats_above(output, NEAREST) if _may_hold(value, scores.shape[1])]
    answers = run_values(model, candidates, example) if candidates else {}
    for value in candidates:
        for columns in (scores.shape[1], 1) if scores.shape[1] == 2 else (scores.shape[1],):
            logits = as_rows_of(answers[str(value.name)], row_count(example), columns)
            if logits is not None and _agrees(scores, logits):
                seen = f"{value.name}, of which {output.name} is the softmax"
                return Logits(value, Scale.LOGITS, seen, Ending.SOFTMAX, one=columns == 1)
    return None


def _may_hold(value: ir.Value, columns: int) -> bool:
    """Whether a value may have a number for each score, or one for two scores. Feature maps would fill the memory."""
    sizes = [None] if value.shape is None else value.shape.dims[1:]
    known = [size for size in sizes if isinstance(size, int)]
    return len(known) < len(sizes) or math.prod(known) in {columns, 1 if columns == 2 else columns}


def _agrees(scores: Float64s, logits: Float64s) -> bool:
    expected = softmax_of(logits, scores.shape[1])
    return bool((np.abs(scores - expected) <= ABSOLUTE + RELATIVE * expected).all())


def as_rows_of(values: Array, rows: int, columns: int) -> Float64s | None:
    """Bring values such as [n, k, 1, 1] into the form [n, k]; None if they have another size."""
    array = np.asarray(values)
    fits = array.shape[:1] == (rows,) and array.size == rows * columns
    return array.reshape(rows, columns).astype(np.float64) if fits else None


def run_values(model: ir.Model, wanted: Collection[ir.Value], example: Arrays) -> Arrays:
    """Run a model, which is not changed, for these values of its main graph, by their names."""
    copy = model.clone()
    found = (value_named(copy, name) for name in sorted({str(value.name) for value in wanted}))
    copy.graph.outputs[:] = [value for value in found if value is not None]
    with open_graph(copy, light=True) as predictor:
        return predictor.run(example)
