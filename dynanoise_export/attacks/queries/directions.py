"""Directions that lead a row away from its label, chosen with the help of shadow models and of the bundle's rows.

The gradient of the shadow models' mean margin is not taken from the models, for an ONNX file gives none. It is that of
a distilled student: a linear model (ridge regression) of their mean logits, fitted in NumPy. Two other directions need
no gradient: away from the mean of the label's rows, and towards a row of the most likely other class.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve
from scipy.special import log_softmax, softmax

from dynanoise_export.attacks.asking.measuring import BLOCK, rows_of
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.query_plan import SEED, Panel, PlanContext, Rows, bounds_of
from dynanoise_export.attacks.queries.walks import Queries, Walk, once
from dynanoise_export.attacks.row_samples import row_sample
from dynanoise_export.types import Array, Arrays, Float32s, Float64s, Int64s

# The student is fitted on at most so many rows, with at most so many numbers in all; and with this ridge, as a share
# of the features' mean variance.
FITTED, FITTED_NUMBERS, RIDGE = 4096, 1 << 26, 0.1
# With more weights than this there is no linear student.
MOST_WEIGHTS = 1 << 27
# So many models of the panel are distilled.
MODELS = 8
# Smaller log-probabilities count as this one.
SMALLEST_LOG_P = -50.0
# A partner is the nearest of so many random rows.
CANDIDATES = 16
# The shortest distance, as a share of the longest.
SHORTEST = 2.0**-10

# The features [b, d] and the labels [b] of rows, to directions [b, d].
Direct = Callable[[Float32s, Int64s], Float32s]


class Box:
    """The inputs of floats as one vector for each row, in units of each number's range in the bundle.

    Args:
        inputs: all rows of the audit.
    """

    def __init__(self, inputs: Arrays) -> None:
        self._bounds = bounds_of(inputs)
        self.numbers = sum(low.size for low, _ in self._bounds.values())

    @property
    def finite(self) -> bool:
        """Whether there are inputs of floats, without NaN and infinities."""
        return self.numbers > 0 and all(np.isfinite(ends).all() for ends in self._bounds.values())

    def flat(self, inputs: Arrays) -> Float32s:
        """Put the inputs of b rows into one array: float32 [b, d], each number between 0 and 1."""
        parts = []
        for name, (low, high) in self._bounds.items():
            width = np.where(high > low, high - low, np.float32(1))
            parts.append(((inputs[name].astype(np.float32) - low) / width).reshape(len(inputs[name]), -1))
        return np.concatenate(parts, axis=1)

    def moved(self, inputs: Arrays, by: Float32s) -> dict[str, Array]:
        """Move rows by steps [b, d] in units of the ranges, and keep each number within its range."""
        result, start = dict(inputs), 0
        for name, (low, high) in self._bounds.items():
            array = inputs[name]
            step = by[:, start : start + low.size].reshape(array.shape) * (high - low)
            result[name] = np.clip(array.astype(np.float32) + step, low, high).astype(array.dtype)
            start += low.size
        return result


@dataclass(frozen=True)
class Linear:
    """A linear model of the classes.

    Attributes:
        weights: float32 [k, d].
        bias: float32 [k].
    """

    weights: Float32s
    bias: Float32s

    def downhill(self, features: Float32s, y: Int64s) -> Float32s:
        """Find the direction in which the label's margin falls fastest: float32 [b, d] of length 1."""
        pull = softmax(self.rivals(features, y), axis=1).astype(np.float32)
        return unit(pull @ self.weights - self.weights[y])

    def scores(self, features: Float32s) -> Float32s:
        """Score the classes: float32 [b, k]."""
        return np.asarray(features @ self.weights.T + self.bias)

    def rivals(self, features: Float32s, y: Int64s) -> Float64s:
        """Score the classes other than the label: float64 [b, k], minus infinity for the label."""
        scores = self.scores(features).astype(np.float64)
        scores[np.arange(len(y)), y] = -np.inf
        return np.asarray(scores)


def unit(steps: Float32s) -> Float32s:
    """Scale vectors [b, d] to length 1."""
    return np.asarray(steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), np.float32(1e-12)))


def fit_student(features: Float32s, logits: Float64s) -> Linear:
    """Fit a linear model to logits by ridge regression: features [f, d] and logits [f, k]."""
    centre = features.mean(axis=0)
    centred = features - centre
    target = logits - logits.mean(axis=1, keepdims=True)
    bias = target.mean(axis=0)
    kernel = (centred @ centred.T).astype(np.float64)
    ridge = RIDGE * np.trace(kernel) / min(features.shape) + 1e-9
    dual = solve(kernel + ridge * np.eye(len(kernel)), target - bias, assume_a="pos")
    weights = np.asarray(dual.T.astype(np.float32) @ centred)
    return Linear(weights, (bias - weights @ centre).astype(np.float32))


def class_means(box: Box, context: PlanContext) -> Float32s:
    """Average the rows of each class, less the mean of all rows: float32 [k, d]; 0 for a class without rows."""
    sums = np.zeros((context.classes, box.numbers))
    for start in range(0, len(context.y), BLOCK):
        rows = rows_of(context.inputs, context.y, np.arange(start, min(start + BLOCK, len(context.y))))
        np.add.at(sums, rows.y, box.flat(rows.inputs))
    counts = np.bincount(context.y, minlength=context.classes)[:, None]
    means = sums / np.maximum(counts, 1) - (counts > 0) * sums.sum(axis=0) / len(context.y)
    return np.asarray(means, dtype=np.float32)


def away_from_means(box: Box, context: PlanContext) -> Direct:
    """Point from the mean of the label's rows to the mean of all rows."""
    means = class_means(box, context)
    return lambda _, y: unit(-means[y])


def _one_way(box: Box) -> Direct:
    way = unit(np.random.default_rng(SEED).standard_normal((1, box.numbers), dtype=np.float32))
    return lambda features, _: np.repeat(way, len(features), axis=0)


def mean_logits(panel: Panel, inputs: Arrays, numbers: Int64s) -> Float64s:
    """Ask the panel about rows: its mean log-probabilities, float64 [rows, k]."""
    models = range(min(MODELS, len(panel)))
    parts = []
    for start in range(0, len(numbers), BLOCK):
        rows = {name: array[numbers[start : start + BLOCK]] for name, array in inputs.items()}
        logits = [np.nan_to_num(panel.logits(model, rows).astype(np.float64)) for model in models]
        # A probability of 0 has a logit of minus infinity, which no linear model fits.
        parts.append(np.mean([np.maximum(log_softmax(one, axis=1), SMALLEST_LOG_P) for one in logits], axis=0))
    return np.concatenate(parts)


def fitted_rows(context: PlanContext, numbers: int) -> Int64s:
    """Choose the rows on which a student is fitted, with so many numbers each."""
    count = min(FITTED, len(context.y), max(1, FITTED_NUMBERS // max(1, numbers)))
    return row_sample(len(context.y), count)


def straight_walks(context: PlanContext) -> list[Walk]:
    """List the straight ways to leave the rows inside the box of the bundle; the first is for want of shadow models."""
    box = Box(context.inputs)
    if not box.finite:
        return []
    domain = Domain.IMAGE if context.domain is Domain.IMAGE else Domain.BOX
    student = distilled(context)
    walks = [
        _towards_partners(box, domain, context, student),
        _along(_one_way(box), "in a random direction", box, domain),
    ]
    if box.numbers * context.classes <= MOST_WEIGHTS:
        away = away_from_means(box, context)
        walks.insert(0, _along(away, "away from the mean of the label's rows", box, domain))
    if student is not None:
        name = "down the gradient of a linear student of the shadow models"
        walks.append(_along(student.downhill, name, box, domain))
    return walks


@once
def distilled(context: PlanContext) -> Linear | None:
    """Distil the panel's mean logits into a linear student; None without a panel, or if it were too large."""
    box = Box(context.inputs)
    if context.panel is None or not box.finite or box.numbers * context.classes > MOST_WEIGHTS:
        return None
    chosen = fitted_rows(context, box.numbers)
    features = box.flat({name: array[chosen] for name, array in context.inputs.items()})
    return fit_student(features, mean_logits(context.panel, context.inputs, chosen))


def _along(direct: Direct, name: str, box: Box, domain: Domain) -> Walk:
    def start(rows: Rows) -> Queries:
        direction = direct(box.flat(rows.inputs), rows.y)
        return lambda distance: box.moved(rows.inputs, distance[:, None].astype(np.float32) * direction)

    longest = box.numbers**0.5
    return Walk(name, domain, start, longest * SHORTEST, longest)


def _towards_partners(box: Box, domain: Domain, context: PlanContext, student: Linear | None) -> Walk:
    # The walk must not hold the context, which it is remembered for.
    inputs, of_class = context.inputs, [np.flatnonzero(context.y == label) for label in range(context.classes)]
    present = np.array([len(numbers) > 0 for numbers in of_class])

    def partner(number: int, own: Float32s, rivals: Float64s) -> Float32s:
        """Take the nearest of some rows of the likely other class: float32 [d]."""
        drawn = np.random.default_rng([SEED, number]).choice(of_class[int(rivals.argmax())], CANDIDATES)
        candidates = box.flat({name: array[drawn] for name, array in inputs.items()})
        nearest: Float32s = candidates[np.square(candidates - own).sum(axis=1).argmin()]
        return nearest

    def start(rows: Rows) -> Queries:
        features = box.flat(rows.inputs)
        scores = rows.generator().random((len(rows), len(present))) if student is None else student.scores(features)
        scores = np.where(present, scores.astype(np.float64), -np.inf)
        scores[np.arange(len(rows)), rows.y] = -np.inf
        if np.isneginf(scores).all():
            return lambda _: dict(rows.inputs)
        known = zip(rows.numbers, features, scores, strict=True)
        direction = np.stack([partner(int(number), own, rivals) for number, own, rivals in known]) - features
        return lambda distance: box.moved(rows.inputs, distance[:, None].astype(np.float32) * direction)

    return Walk("towards a row of another class", domain, start, SHORTEST, 1.0)
