"""Convert a model to float16 so that it still answers as in float32, or refuse."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from scipy.special import softmax

from dynanoise_export.errors import EndpointError, ModelInputError, UnsupportedModelError, reason_of
from dynanoise_export.graph.beyond_float16 import (
    KeptNode,
    measuring,
    nodes_with_coarse_inputs,
    nodes_with_large_values,
    nodes_with_large_weights,
)
from dynanoise_export.graph.precision import prepared, to_float16
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.types import Array, Arrays, Float64s

# How far the probabilities of an answer may move, in total variation: on average over the rows, and for any row. What
# float16 rounds moves them by about 0.001; a value that it can't hold moves them by up to 1.
MEAN_LIMIT, ROW_LIMIT = 0.01, 0.1


@dataclass(frozen=True)
class Float16Check:
    """How a model was converted to float16, and how its answers compare with those in float32.

    Attributes:
        kept: the nodes that stay in float32, because float16 can't hold what they take or make.
        difference: the mean total variation between the answers.
        rows: how many rows the answers are for.
        made_up: whether the rows are made up. Real rows may hold larger values.
    """

    kept: tuple[KeptNode, ...]
    difference: float
    rows: int
    made_up: bool


def checked_float16(model: ir.Model, inputs: Arrays, output: str, *, made_up: bool) -> tuple[ir.Model, Float16Check]:
    """Convert a model to float16, and compare its answers with those in float32.

    Nodes with weights beyond float16 stay in float32. If the answers still differ, so do the nodes that on these rows
    make or take values beyond float16, or take inputs that it rounds coarsely.

    Args:
        model: it is not changed.
        inputs: rows for its inputs.
        output: the name of the output with its logits or probabilities.
        made_up: whether the rows are made up.

    Returns:
        The converted model, whose inputs and outputs stay in float32, and how it compares.

    Raises:
        UserError: the model can't be converted, or answers differently in float16.
    """
    full = prepared(model)
    scores = np.asarray(_run(full, inputs)[output], np.float64)
    _require_numbers(scores)
    kept = nodes_with_large_weights(full)
    half, differences = _converted(full, kept, inputs, output, scores)
    if not _within_limits(differences):
        kept = nodes_with_coarse_inputs(full, inputs) | _with_large_values(full, inputs) | kept
        half, differences = _converted(full, kept, inputs, output, scores)
    if not _within_limits(differences):
        raise _refusal(differences, made_up=made_up)
    return half, Float16Check(tuple(kept.values()), float(differences.mean()), len(scores), made_up)


def _require_numbers(scores: Float64s) -> None:
    if np.isnan(scores.reshape(len(scores), -1)).any(axis=1).all():
        raise ModelInputError(
            "The model answers NaN, so its answers in float16 can't be compared: give real rows with --example "
            "rows.npz, or leave --precision out."
        )


def _with_large_values(full: ir.Model, inputs: Arrays) -> dict[str, KeptNode]:
    measured, names = measuring(full)
    return nodes_with_large_values(full, {names[name]: size for name, size in _run(measured, inputs).items()})


def _refusal(differences: Float64s, *, made_up: bool) -> UnsupportedModelError:
    rows = "made-up rows" if made_up else "rows of the example"
    other = ", or export with --precision fp16 and real rows, with --example rows.npz" if made_up else ""
    return UnsupportedModelError(
        f"In float16 the model answers differently: on {len(differences)} {rows} its probabilities move by up to "
        f"{differences.max():.2f}, so leave --precision out{other}."
    )


def _converted(
    full: ir.Model, kept: Mapping[str, KeptNode], inputs: Arrays, output: str, scores: Float64s
) -> tuple[ir.Model, Float64s]:
    """Convert, and compare the answers with the scores in float32: the total variation of each row."""
    half = to_float16(full, kept)
    try:
        answers = _run(_rounding(half), inputs)[output]
    except EndpointError as error:
        raise UnsupportedModelError(
            f"The model can't be converted to float16: {reason_of(error)}; leave --precision out."
        ) from error
    return half, _total_variation(scores, np.asarray(answers, np.float64))


def _total_variation(scores: Float64s, others: Float64s) -> Float64s:
    """Compare the probabilities that belong to scores [n, k] or [n], row by row; 1 for another that is not finite."""
    scores, others = scores.reshape(len(scores), -1), others.reshape(len(scores), -1)
    if scores.shape[1] == 1:  # of the second of two classes
        normalised = bool(np.all((scores >= 0) & (scores <= 1)))
        scores, others = (np.hstack([1 - z, z] if normalised else [0 * z, z]) for z in (scores, others))
    normalised = are_probabilities(scores)
    with np.errstate(invalid="ignore"):
        expected, answers = (z if normalised else softmax(z, axis=1) for z in (scores, others))
        known = ~np.isnan(expected).any(axis=1)  # a model may answer NaN to rows that are made up
        differences: Float64s = np.abs(answers - expected)[known].sum(axis=1) / 2
    differences[~np.isfinite(differences)] = 1
    return differences


def _within_limits(differences: Float64s) -> bool:
    return bool(differences.mean() <= MEAN_LIMIT and differences.max() <= ROW_LIMIT)


def _run(model: ir.Model, inputs: Arrays) -> dict[str, Array]:
    with open_graph(model, light=True) as predictor:
        return predictor.run({name: inputs[name] for name in predictor.inputs})


def _rounding(half: ir.Model) -> ir.Model:
    """Copy a float16 model so that a CPU rounds every value of it as a GPU does.

    ONNX Runtime computes most of float16 in float32 on a CPU, and leaves out the casts between one operator and the
    next, so that a value beyond float16 does not become infinite. Without optimisation, it keeps the casts around two
    operators that need none; around a single one, it leaves them out.
    """
    copy = half.clone()
    for node in list(copy.graph):
        for value in node.outputs:
            if value.dtype is not ir.DataType.FLOAT16 or value.is_graph_output():
                continue
            first, second = ir.node("Identity", [value]), ir.node("Identity", [None])
            ir.convenience.replace_all_uses_with(value, second.outputs[0])
            first.replace_input_with(0, value)
            second.replace_input_with(0, first.outputs[0])
            for between in (first, second):
                between.outputs[0].type, between.outputs[0].shape = value.type, value.shape
            copy.graph.insert_after(node, [first, second])
    return copy
