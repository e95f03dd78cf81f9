"""Refuse a model that was saved in training mode: a dropout that is on, statistics that are taken from each batch."""

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.external_data import scopes
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.types import Array

# How far the scores of two runs may differ, as a share of the largest: threads may add in another order.
BETWEEN_RUNS = 1e-4
WAY_OUT = "so it is in training mode: call model.eval() and save it again"


def require_evaluation_mode(model: ir.Model, output: str, source: SourceModel) -> None:
    """Look for what learns from a batch, and run a model on the example twice: its scores must be the same.

    Args:
        model: the source's ONNX model; it is not changed.
        output: the name of the value with the scores.
        source: what it was made from.

    Raises:
        UnsupportedModelError: it learns from each batch, or its scores change from call to call.
    """
    if any(map(_learns, (node for scope in scopes(model) for node in scope.all_nodes()))):
        raise UnsupportedModelError(
            f"{source.path} has a batch normalisation that takes its statistics from each batch, {WAY_OUT}."
        )
    copy = model.clone()
    copy.graph.outputs[:] = [value for value in [value_named(copy, output)] if value is not None]
    with open_graph(copy, light=True) as predictor:
        first, again = (np.asarray(predictor.run(source.example)[output]) for _ in range(2))
    if _differ(first, again):
        raise UnsupportedModelError(
            f"{source.path} gives the same row other scores each time, as a dropout does that is on, {WAY_OUT}."
        )


def _learns(node: ir.Node) -> bool:
    training = node.attributes.get("training_mode")
    return node.op_type == "BatchNormalization" and training is not None and bool(training.value)


def _differ(scores: Array, others: Array) -> bool:
    if scores.shape != others.shape or scores.dtype.kind != "f":
        return scores.shape != others.shape
    one, other = scores.astype(np.float64), others.astype(np.float64)
    known = np.isfinite(one) & np.isfinite(other)
    largest = np.abs(one[known]).max(initial=0.0)
    return bool((np.abs(one[known] - other[known]) > BETWEEN_RUNS * largest).any())
