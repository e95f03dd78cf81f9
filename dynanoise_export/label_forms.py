"""Labels and membership in the forms that people keep them in, brought into the form of a bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import DataError, shortened
from dynanoise_export.printable import printable
from dynanoise_export.types import Bools, Int64s

Values = npt.NDArray[Any]
Texts = npt.NDArray[np.str_]

# More classes than any classifier has; a double holds every whole number up to it.
LARGEST = 1 << 31
NUMBERS, TEXTS = "biuf", "US"
MEMBER = frozenset({"true", "yes", "1", "member", "train"})
NON_MEMBER = frozenset({"false", "no", "0", "-1", "non-member", "test"})
WAY_OUT = "dynanoise-export bundle makes a bundle of them"


@dataclass(frozen=True)
class NumberedLabels:
    """Labels as numbers of classes.

    Attributes:
        y: int64 [n].
        classes: the names of the classes, in the order of their numbers; empty if they have none.
    """

    y: Int64s
    classes: tuple[str, ...]


def labels_of(what: str, labels: Values, classes: Sequence[str] = ()) -> Int64s:
    """Give the labels of a bundle as numbers.

    Args:
        what: names the bundle, for messages.
        labels: whole numbers of any type, [n] or [n, 1]; exactly one-hot, [n, k]; or names of classes, [n].
        classes: the names of the classes that the bundle states.

    Returns:
        int64 [n].

    Raises:
        DataError: the labels have another form, or are names and the bundle does not state their numbers.
    """
    column = _column(labels)
    if column.ndim == 2 and _is_one_hot(column):
        return np.asarray(column.argmax(axis=1), np.int64)
    if column.ndim != 1:
        raise DataError(
            f"{what} has labels of shape {list(labels.shape)}, which are neither one label for each row nor exactly "
            "one-hot: give the number of each row's class."
        )
    whole = _whole(column)
    if whole is not None:
        return whole
    if column.dtype.kind not in TEXTS:
        raise DataError(f"{what} has labels that are not whole numbers: give the number of each row's class.")
    if not classes:
        raise DataError(
            f"{what} has texts as labels, such as {_example(column)}, and no array 'classes' that numbers them: "
            f"{WAY_OUT}."
        )
    return _numbers_of_names(what, _texts(column), classes)


def numbered(what: str, labels: Values, known: Sequence[str] = (), *, names: bool = False) -> NumberedLabels:
    """Give numbers to the labels of rows that are to become a bundle.

    Args:
        what: names where they come from, for messages.
        labels: in a form that `labels_of` takes.
        known: the names of the classes in their order, if they are known. Labels that are all among them are names,
            even if they are written with digits.
        names: whether the labels are names, even if they are written with digits.

    Returns:
        The labels and the class names. Names without a known order are sorted.

    Raises:
        DataError: the labels have another form, or are names that are not among the known ones.
    """
    column = _column(labels)
    classes = tuple(map(str, known))
    is_text = column.ndim == 1 and column.dtype.kind in TEXTS
    if column.ndim == 1 and classes:
        found = _find(_texts(column), classes)
        if found is not None:
            return NumberedLabels(found, classes)
    if is_text and (names or _whole(column) is None):
        texts = _texts(column)
        if classes:
            return NumberedLabels(_numbers_of_names(what, texts, classes), classes)
        unique, y = np.unique(texts, return_inverse=True)
        return NumberedLabels(y.astype(np.int64), tuple(map(str, unique)))
    return NumberedLabels(labels_of(what, labels), classes)


def membership_of(what: str, member: Values) -> Bools:
    """Give membership as truth values.

    Args:
        what: names where it comes from, for messages.
        member: [n] or [n, 1]; truth values, 0 and 1, −1 and 1, or such words as yes and no.

    Returns:
        bool [n].

    Raises:
        DataError: a value says neither, or the array has another shape.
    """
    column = _column(member)
    if column.ndim != 1 or column.dtype.kind not in NUMBERS + TEXTS:
        raise DataError(f"{what} has membership of shape {list(member.shape)}, and not one truth value for each row.")
    if column.dtype.kind == "b":
        return column.astype(np.bool_)
    values, places = np.unique(column, return_inverse=True)
    words = [_word(value) for value in values.tolist()]
    unknown = [word for word in words if word not in MEMBER | NON_MEMBER]
    if unknown or {"0", "-1"} <= set(words):
        named = unknown[0] if unknown else "-1 beside 0"
        raise DataError(
            f"{what} says neither yes nor no where it says {shortened(printable(named))!r}: write membership as 1 and "
            "0 or as yes and no."
        )
    return np.array([word in MEMBER for word in words], np.bool_)[places.reshape(-1)]


def groups_of(what: str, group: Values) -> Texts:
    """Give the groups of rows as texts.

    Args:
        what: names where they come from, for messages.
        group: [n] or [n, 1], numbers or texts.

    Returns:
        str [n].

    Raises:
        DataError: they have another shape or type.
    """
    column = _column(group)
    if column.ndim != 1 or column.dtype.kind not in NUMBERS + TEXTS:
        raise DataError(f"{what} has groups of shape {list(group.shape)}, and not one number or text for each row.")
    return _texts(column)


def canaries_of(what: str, canary: Values) -> Bools:
    """Give the canaries among rows as truth values.

    Args:
        what: names the bundle, for messages.
        canary: [n] or [n, 1]; truth values, or 0 and 1.

    Returns:
        bool [n].

    Raises:
        DataError: they have another shape or other values.
    """
    column = _column(canary)
    if column.ndim != 1 or column.dtype.kind not in NUMBERS or not np.isin(column, (0, 1)).all():
        raise DataError(f"The array canary in {what} is not one truth value for each row: write 0 and 1.")
    return column.astype(np.bool_)


def _column(values: Values) -> Values:
    """Take the only column of [n, 1]."""
    array = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _is_one_hot(labels: Values) -> bool:
    if labels.dtype.kind not in NUMBERS or labels.shape[1] < 2:
        return False
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def _whole(column: Values) -> Int64s | None:
    """Give whole numbers, of whatever type or written as texts; None for anything else."""
    if column.dtype.kind not in NUMBERS + TEXTS:
        return None
    try:
        values = column.astype(np.float64)
    except ValueError:
        return None
    if not (np.abs(values) <= LARGEST).all() or (values % 1 != 0).any():
        return None
    return values.astype(np.int64)


def _numbers_of_names(what: str, texts: Texts, classes: Sequence[str]) -> Int64s:
    found = _find(texts, classes)
    if found is None:
        strange = next(text for text in np.unique(texts) if _find(np.array([text]), classes) is None)
        listed = shortened(", ".join(map(printable, classes)))
        raise DataError(
            f"{what} has the label {shortened(printable(strange))!r}, which is none of the classes {listed}: give all "
            "names in their order with --classes."
        )
    return found


def _find(texts: Texts, classes: Sequence[str]) -> Int64s | None:
    """Find names among those of the classes: as they are written or, if that is not enough, whatever their case."""
    unique, places = np.unique(texts, return_inverse=True)
    for written in (str, str.casefold):
        numbers = {written(name): number for number, name in enumerate(classes)}
        wanted = [written(str(text)) for text in unique]
        if len(numbers) == len(classes) and all(name in numbers for name in wanted):
            return np.array([numbers[name] for name in wanted], np.int64)[places.reshape(-1)]
    return None


def _texts(column: Values) -> Texts:
    """Write labels as the names of classes would write them: whole numbers without a point."""
    if column.dtype.kind == "S":
        return np.char.decode(column, "utf-8", "replace")
    if column.dtype.kind == "U":
        return np.char.strip(column)
    whole = _whole(column)
    return column.astype(np.str_) if whole is None else whole.astype(np.str_)


def _word(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = text.strip().casefold()
    return text.removesuffix(".0") if text.removesuffix(".0") in ("0", "1", "-1") else text


def _example(column: Values) -> str:
    return repr(shortened(printable(str(_texts(column[:1])[0]))))
