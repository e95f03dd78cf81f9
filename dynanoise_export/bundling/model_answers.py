"""What a model's own answers say about a bundle: whether labels and rows are those that it was trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from dynanoise_export.attacks.sanity import agreement
from dynanoise_export.bundles import Part
from dynanoise_export.bundling.image_rows import BRIGHTEST
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.intervals import Interval, proportion
from dynanoise_export.label_forms import NumberedLabels, Texts
from dynanoise_export.types import Array, Int64s

# The rows of each part that the model is asked about, and those on which a remedy is tried.
MOST, TRIED = 10_000, 1_000
# How much better a remedy must be.
BETTER = 0.1
# Fewer rows of a class than this don't show which class they are.
ROWS_OF_CLASS = 5

# Gives the classes that the model answers with, int64 [n], to rows of the bundle.
Asks = Callable[[dict[str, Array]], Int64s]


@dataclass(frozen=True)
class BundleAccuracy:
    """How often the model is right on a bundle.

    Attributes:
        members: the accuracy on members.
        non_members: on non-members, auxiliary ones included.
        chance: the accuracy on members of answers that know nothing, but name each class as often as the model does.
        problem: why the bundle can't be the one that the model was trained on, and what to do; None if it can.
    """

    members: Interval
    non_members: Interval
    chance: float
    problem: str | None


@dataclass(frozen=True)
class _Asked:
    """What a model answered to members, and the labels that they have."""

    asks: Asks
    inputs: dict[str, Array]
    labels: NumberedLabels
    classes: int
    members: Int64s
    answers: Int64s
    request: BundleRequest

    @property
    def y(self) -> Int64s:
        """The labels of the members, int64 [members]."""
        return self.labels.y[self.members]


# A mistake that a user may have made: the accuracy without it, and what to do.
Remedy = tuple[Interval, str]


def check_answers(
    asks: Asks, inputs: dict[str, Array], labels: NumberedLabels, split: Texts, classes: int, request: BundleRequest
) -> BundleAccuracy:
    """Compare a model's answers with the labels of a bundle.

    Args:
        asks: the undefended model.
        inputs: the rows.
        labels: of the rows.
        split: str [n], the part of each row; there are members and non-members.
        classes: k, of the model, which has all labels.
        request: how the bundle is made.

    Raises:
        UserError: the model does not take the rows.
    """
    trained = split == Part.MEMBER
    members, non_members = (_some(np.flatnonzero(rows), MOST) for rows in (trained, ~trained))
    answers, others = (asks(_rows(inputs, rows)) for rows in (members, non_members))
    asked = _Asked(asks, inputs, labels, classes, members, answers, request)
    accuracy, found = _accuracy(answers, asked.y), agreement(answers, asked.y)
    remedies = [*_shifts(asked), *_scales(asked), *_orders(asked)]
    better = [remedy for remedy in remedies if remedy[0].low > accuracy.high + BETTER]
    problem = None
    if better:
        problem = max(better, key=lambda remedy: remedy[0].value)[1]
    elif found.near_chance and len(np.unique(asked.y)) > 1:  # if all members are of one class, chance is right too
        problem = "check the order of the classes, the scale of the values and how the rows are prepared"
    return BundleAccuracy(accuracy, _accuracy(others, labels.y[non_members]), found.chance, problem)


def _some(places: Int64s, most: int) -> Int64s:
    """Choose places that are spread evenly."""
    return places if len(places) <= most else places[np.linspace(0, len(places) - 1, most).astype(np.int64)]


def _rows(inputs: dict[str, Array], places: Int64s) -> dict[str, Array]:
    return {name: array[places] for name, array in inputs.items()}


def _accuracy(answers: Int64s, y: Int64s) -> Interval:
    return proportion(int((answers == y).sum()), len(y))


def _shifts(asked: _Asked) -> Iterator[Remedy]:
    """Count the labels from one less or one more, if they are numbers and stay within the classes."""
    least, most = asked.labels.y.min(), asked.labels.y.max()
    for shift in (-1, 1):
        if not asked.labels.classes and least + shift >= 0 and most + shift < asked.classes:
            found = _accuracy(asked.answers, asked.y + shift)
            option = f"--shift-labels {asked.request.shift_labels + shift}"
            yield found, f"with {shift:+d} added to each label it would be {found.value:.1%}, so add {option}"


def _scales(asked: _Asked) -> Iterator[Remedy]:
    """Try other scales that pixels may have been meant to have."""
    floats = [array for array in asked.inputs.values() if array.dtype.kind == "f"]
    few = _some(np.arange(len(asked.members)), TRIED)
    rows = _rows(asked.inputs, asked.members[few])
    if not floats:
        return
    low, high = min(float(array.min()) for array in floats), max(float(array.max()) for array in floats)
    raw = high > 1
    if low < 0 or high > BRIGHTEST or asked.request.processor is not None:
        return
    for largest in dict.fromkeys((BRIGHTEST, round(high))) if raw else (BRIGHTEST,):
        found = _accuracy(asked.asks(_scaled(rows, 1 / largest if raw else largest)), asked.y[few])
        change = f"divided by {largest}" if raw else f"multiplied by {largest}"
        yield found, f"with the values {change} it would be {found.value:.1%}, so add {_divide(asked, raw, largest)}"


def _divide(asked: _Asked, raw: bool, largest: int) -> str:
    """Name the option that gives another scale."""
    now = asked.request.divide or 1
    return f"--divide {now * largest if raw else now / largest:g}"


def _scaled(rows: dict[str, Array], factor: float) -> dict[str, Array]:
    """Multiply the inputs that are not integers."""
    return {
        name: (array.astype(np.float64) * factor).astype(array.dtype) if array.dtype.kind == "f" else array
        for name, array in rows.items()
    }


def _orders(asked: _Asked) -> Iterator[Remedy]:
    """Find the order of the classes in which answers and labels agree most, if there are enough rows for it."""
    if len(asked.y) < ROWS_OF_CLASS * asked.classes:
        return
    together = np.zeros((asked.classes, asked.classes))
    np.add.at(together, (asked.answers, asked.y), 1)
    order = linear_sum_assignment(together, maximize=True)[1]  # the label for each answer
    found = _accuracy(order[asked.answers], asked.y)
    names = asked.labels.classes
    way_out = "give each label the number of the model's class"
    if names:
        way_out = (
            f"give their names in the model's order, as with --classes {','.join(names[label] for label in order)}"
        )
    yield found, f"in another order of the classes it would be {found.value:.1%}, so {way_out}"
