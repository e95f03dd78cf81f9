"""From a classifier's scores to logits, where nothing but the scores is known."""

from typing import Any

import numpy as np

from dynanoise_export.errors import UnsupportedModelError, UsageError, first_line
from dynanoise_export.graph.logits import Scale
from dynanoise_export.sources.find_logits import scale_of
from dynanoise_export.sources.score_values import Doubt, doubt_about
from dynanoise_export.types import Float64s

# A probability of 0 counts as the smallest normal number of float32, unless a floor is stated.
SMALLEST = float(np.finfo(np.float32).tiny)
# Of one score p near 1, 1 − p has few digits left: it is known to one in this many roundings, and not beyond.
ROUNDINGS, MOST = 1e4, 0.05


def scale_of_one(scores: Float64s) -> Scale:
    """Judge the single scores [n, 1] of the second of two classes: probabilities if all lie in [0, 1], else logits."""
    return Scale.PROBABILITIES if bool(((scores >= 0) & (scores <= 1)).all()) else Scale.LOGITS


def in_classes(scores: Float64s, scale: Scale) -> Float64s:
    """Bring the single scores [n, 1] of the second of two classes into the form [n, 2]; others stay as they are."""
    if scores.shape[1] > 1:
        return scores
    halves = [-scores / 2, scores / 2] if scale is Scale.LOGITS else [1 - scores, scores]
    return np.concatenate(halves, axis=1)


def smallest_probability(dtype: np.dtype[Any], *, one: bool) -> float:
    """Give the smallest probability that scores of a type show, for `one` score of two classes or for all of them."""
    kind = np.finfo(dtype if np.issubdtype(dtype, np.floating) else np.float64)
    rounded = min(ROUNDINGS * float(kind.eps), MOST) if one else 0.0
    return max(SMALLEST, float(kind.tiny), rounded)


def log_of(probabilities: Float64s, floor: float) -> Float64s:
    """Compute the logarithm of max(p, floor): logits, but for a constant in each row."""
    return np.asarray(np.log(np.maximum(probabilities, floor)), np.float64)


def logits_of(scores: Any, name: str, *, binary: bool = False) -> Float64s:
    """Turn the scores of a classifier that is known by its answers alone into logits.

    Args:
        scores: to at least one row: logits or probabilities, [n, k]; [n] or [n, 1] for the second of two classes.
        name: of the classifier, for messages.
        binary: it has one score, for the second of two classes.

    Returns:
        Logits float64 [n, k]; the logarithm of probabilities.

    Raises:
        UserError: they have another form, or values that are neither logits nor probabilities.
    """
    try:
        given = np.asarray(scores)
    except (TypeError, ValueError) as error:  # rows of different length, or a tensor on a GPU
        raise UnsupportedModelError(f"{name} gives scores that are no array: {first_line(error)}") from error
    if given.dtype.kind not in "fiu" or given.ndim == 0 or given.size == 0:
        raise UnsupportedModelError(
            f"{name} gives {type(scores).__name__} of shape {list(given.shape)}, {given.dtype}: it must give floats "
            "[n, k], one score per class for each row."
        )
    rows = given.reshape(len(given), -1)
    _require_columns(rows.shape[1], name, binary=binary)
    values = rows.astype(np.float64)
    scale = scale_of_one(values) if binary else scale_of(values)
    doubt = doubt_about(values, linear=binary) if scale is Scale.LOGITS else None
    if doubt is not None:
        what = "be NaN" if doubt is Doubt.NOT_A_NUMBER else f"be scores that {doubt.value}"
        raise UnsupportedModelError(f"The scores of {name} can't {what}: give logits or probabilities.")
    classes = in_classes(values, scale)
    if scale is Scale.LOGITS:
        return classes
    return log_of(classes, smallest_probability(given.dtype, one=binary))


def _require_columns(columns: int, name: str, *, binary: bool) -> None:
    if binary and columns != 1:
        raise UsageError(f"{name} gives {columns} scores for each row, and not one: leave --binary out.")
    if columns == 1 and not binary:
        raise UnsupportedModelError(
            f"{name} gives one score for each row: if it is that of the second of two classes, add --binary; a "
            "regression can't be audited."
        )
