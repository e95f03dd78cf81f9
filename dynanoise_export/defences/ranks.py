"""Answers that follow the order of the logits: for defences that keep which class is above which."""

import numpy as np

from dynanoise_export.defences.keep_label import BELOW
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Bools, Float64s, Floats, Int64s

SMALLEST_DISTANCE = 1e-6


def ranking(logits: Floats) -> Int64s:
    """Order the classes of each row: int64 [n, k], from the largest logit down; of equal ones the first comes first."""
    return np.asarray(np.argsort(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), axis=1, kind="stable"))


def given_out(sorted_values: Floats, order: Int64s) -> Floats:
    """Give sorted values [n, k] to the classes in their order [n, k]."""
    values = np.empty_like(sorted_values)
    np.put_along_axis(values, order, sorted_values, axis=1)
    return values


def may_change_places(logits: Float64s, moved: Float64s) -> Bools:
    """Find the neighbours in the order of the logits that may change places.

    Args:
        logits: [n, k], finite or not.
        moved: [n, k], how far each logit may move.

    Returns:
        bool [n, k − 1], from the two largest down.
    """
    z, order = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), ranking(logits)
    ordered, moves = np.take_along_axis(z, order, axis=1), np.take_along_axis(moved, order, axis=1)
    return np.asarray(ordered[:, :-1] - ordered[:, 1:] <= moves[:, :-1] + moves[:, 1:])


def ordered_jump(answers: Floats, logits: Float64s, moved: Float64s) -> Float64s:
    """Bound the jump of answers in the order of their logits: neighbours that change places swap their probabilities.

    Args:
        answers: [n, k].
        logits: [n, k], finite or not.
        moved: [n, k], how far each logit may move.

    Returns:
        In probability, [n].
    """
    ordered = np.take_along_axis(answers, ranking(logits), axis=1)
    return np.asarray((may_change_places(logits, moved) * (ordered[:, :-1] - ordered[:, 1:])).sum(axis=1))


def mixed(true: Floats, hidden: Floats, budget: float) -> Floats:
    """Move sorted answers [n, k] towards others [n, k], by at most a budget in the sum of absolute differences."""
    change = hidden - true
    distance = np.maximum(np.abs(change).sum(axis=1, keepdims=True), SMALLEST_DISTANCE)
    return label_above(true + np.minimum(budget / distance, 1) * change)


def sorted_answers(probabilities: Floats) -> Floats:
    """Sort the probabilities [b, k] of each row from the largest down, with the first above all others."""
    ordered = label_above(-np.sort(-probabilities, axis=1))
    return np.asarray(ordered / ordered.sum(axis=1, keepdims=True))


def label_above(ordered: Floats) -> Floats:
    """Put the first of sorted probabilities [n, k] above all others, where rounding made them equal."""
    return np.concatenate([ordered[:, :1], np.minimum(ordered[:, 1:], ordered[:, :1] * BELOW)], axis=1)
