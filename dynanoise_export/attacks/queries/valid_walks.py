"""Walks through valid rows: features flipped one by one, and tokens replaced one by one."""

import numpy as np
from scipy import sparse
from scipy.linalg import solve

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.directions import RIDGE, Box, class_means, distilled, fitted_rows, mean_logits
from dynanoise_export.attacks.queries.query_plan import PlanContext, Rows
from dynanoise_export.attacks.queries.walks import Queries, Walk
from dynanoise_export.types import Array, Arrays, Float64s, Int64s

# What an input that marks the tokens of a text is called.
MASK = "attention_mask"


def flips(context: PlanContext) -> Walk:
    """Flip features of 0 and 1, the ones first that lower the label's margin most."""
    box = Box(context.inputs)
    student = distilled(context)
    means = class_means(box, context) if student is None else None

    def start(rows: Rows) -> Queries:
        features = box.flat(rows.inputs)
        downhill = -means[rows.y] if student is None and means is not None else student.downhill(features, rows.y)
        gain = downhill * (1 - 2 * features)
        order = (-gain).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        whole = 1 - 2 * features
        return lambda distance: box.moved(rows.inputs, np.where(order < np.rint(distance)[:, None], whole, 0))

    return Walk("features flipped", Domain.BINARY, start, 0.5, float(box.numbers))


def replacements(context: PlanContext) -> Walk | None:
    """Replace tokens by those of another row at the same places, the ones first that speak most for the label."""
    names = _token_inputs(context.inputs)
    if not names:
        return None
    weights = _token_weights(names, context)

    def start(rows: Rows) -> Queries:
        others = _partners(rows, context)
        movable = _movable(rows.inputs, names) & _movable(others, names)
        order = _order(rows, others, names, movable, weights)
        places = movable.sum(axis=1)

        def queries(distance: Float64s) -> dict[str, Array]:
            chosen = movable & (order < np.rint(np.minimum(distance, places))[:, None])
            moved = {name: np.where(chosen, others[name], rows.inputs[name]) for name in names}
            return dict(rows.inputs) | moved

        return queries

    return Walk("tokens replaced", Domain.TOKENS, start, 0.5, float(context.inputs[names[0]].shape[1]))


def _token_inputs(inputs: Arrays) -> list[str]:
    """Find the inputs of token ids: integers [n, length] that have more than two values; type ids and masks have not."""
    wide = [name for name, array in inputs.items() if array.dtype.kind in "iu" and array.ndim == 2]
    return [name for name in wide if array_max(inputs[name]) > 1 and inputs[name].shape == inputs[wide[0]].shape]


def array_max(array: Array) -> int:
    """Find the largest of an array of integers; -1 if it is empty."""
    return int(array.max()) if array.size else -1


def _movable(inputs: Arrays, names: list[str]) -> Array:
    """Find the places that hold text: neither padding nor the first or the last token, which are special."""
    tokens = inputs[names[0]]
    text = inputs[MASK] > 0 if MASK in inputs else np.ones(tokens.shape, bool)
    places = np.arange(tokens.shape[1])[None]
    last = np.where(text, places, -1).max(axis=1, keepdims=True)
    return np.asarray(text & (places > 0) & (places < last))
