"""Walks through valid rows: features flipped one by one, and tokens replaced one by one."""

import numpy as np

from dynanoise_export.attacks.domain import LOOKED_AT, Domain
from dynanoise_export.attacks.queries.directions import MOST_WEIGHTS, Box, Direct, away_from_means, distilled
from dynanoise_export.attacks.queries.neighbours import is_mask, is_text, movable_tokens
from dynanoise_export.attacks.queries.query_plan import PlanContext, Rows
from dynanoise_export.attacks.queries.walks import Queries, Walk
from dynanoise_export.types import Array, Float32s, Float64s

# A token is replaced by the one of so many drawn tokens that speaks least for the label.
DRAWN = 8
# The shortest distance, in features or tokens: it rounds to none.
NONE = 0.4


def flips(context: PlanContext) -> list[Walk]:
    """Flip features of 0 and 1, the ones first that speak most for the label, by two judgements."""
    box, student = Box(context.inputs), distilled(context)
    walks = [_flipping(away_from_means(box, context), "by the mean of the label's rows", box)]
    if student is not None:
        walks.append(_flipping(student.downhill, "by a linear student of the shadow models", box))
    return walks


def _flipping(direct: Direct, by: str, box: Box) -> Walk:
    def start(rows: Rows) -> Queries:
        features = box.flat(rows.inputs)
        flipped = 1 - 2 * features
        order = _ranks(direct(features, rows.y) * flipped)

        def queries(distance: Float64s) -> dict[str, Array]:
            chosen = order < np.rint(distance)[:, None]
            return box.moved(rows.inputs, np.where(chosen, flipped, np.float32(0)))

        return queries

    return Walk(f"features flipped one by one, in an order {by}", Domain.BINARY, start, NONE, float(box.numbers))


def replacements(context: PlanContext) -> list[Walk]:
    """Replace tokens by those of other rows, the ones first that speak most for the label by their frequencies."""
    first = {name: array[:LOOKED_AT] for name, array in context.inputs.items()}
    masks = [name for name, array in first.items() if is_mask(array)]
    texts = [name for name, array in first.items() if is_text(array)]
    if not texts:
        return []
    name = texts[0]
    known = first[name][movable_tokens(first, name, masks)]
    evidence = _evidence(name, context)
    if not len(known) or evidence is None:
        return []

    def start(rows: Rows) -> Queries:
        tokens = rows.inputs[name]
        drawn = rows.generator().choice(known, (*tokens.shape, DRAWN))
        labels = rows.y[:, None]
        best = evidence[labels[:, :, None], drawn].argmin(axis=2)[:, :, None]
        others = np.take_along_axis(drawn, best, axis=2)[:, :, 0]
        gain = evidence[labels, tokens] - evidence[labels, others]
        order = _ranks(np.where(movable_tokens(rows.inputs, name, masks), gain, -np.inf))
        places = movable_tokens(rows.inputs, name, masks).sum(axis=1)

        def queries(distance: Float64s) -> dict[str, Array]:
            chosen = order < np.minimum(np.rint(distance), places)[:, None]
            return {**rows.inputs, name: np.where(chosen, others, tokens)}

        return queries

    return [Walk("tokens replaced one by one", Domain.TOKENS, start, NONE, float(first[name].shape[1]))]


def _ranks(gain: Float32s) -> Array:
    """Rank the numbers of each row, 0 for the largest."""
    return (-gain).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")


def _evidence(name: str, context: PlanContext) -> Float32s | None:
    """Compute how much each token speaks for each class, as naive Bayes does: float32 [k, tokens].

    None if the table would be too large.
    """
    largest = int(context.inputs[name].max())
    if (largest + 1) * context.classes > MOST_WEIGHTS:
        return None
    counts = np.ones((context.classes, largest + 1), np.float32)
    for tokens, label in zip(context.inputs[name], context.y, strict=True):
        np.add.at(counts[label], tokens.astype(np.int64), 1)
    share = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(np.log(share) - np.log(counts.sum(axis=0) / counts.sum()), dtype=np.float32)
