"""Rows from a data set in memory: a PyTorch `Dataset`, or anything that gives its rows one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dynanoise_export.errors import DataError, UsageError, first_line
from dynanoise_export.types import Array

SINGLE, GROUP = "x", "group"
# The label among the parts of a row: a name that no input has.
LABEL = "the label"
# So many rows are read twice, to find a data set that changes them at random.
READ_TWICE = 8
NUMBERS, TEXTS = "biuf", "U"


@dataclass(frozen=True)
class DatasetRows:
    """The rows of a data set.

    Attributes:
        inputs: for each input of the model an array of n rows.
        labels: [n], numbers or texts; or [n, k].
        group: [n], numbers or texts; None if the rows name no groups.
    """

    inputs: dict[str, Array]
    labels: Array
    group: Array | None

    def __len__(self) -> int:
        return len(self.labels)


def read_dataset(what: str, dataset: Iterable[Any], label: str) -> DatasetRows:
    """Read all rows of a data set.

    Args:
        what: names the data set, for messages.
        dataset: gives rows as (row, label), as (row, label, group), or as dicts with a label and, if there are groups,
            a "group". A row is an array, a tensor, a number, or a dict with one of these for each input.
        label: the name of the label in a dict.

    Raises:
        UserError: it has no rows, rows of another form or of different shapes, or changes its rows at random.
    """
    if hasattr(dataset, "batch_sampler"):
        raise UsageError(f"{what} is a loader of batches, which may shuffle its rows: give its dataset.")
    _require_steady(what, dataset, label)
    rows = [_parsed(what, row, label) for row in _rows(dataset)]
    if not rows:
        raise DataError(f"{what} has no rows.")
    for before, after in pairwise(rows):
        if before.keys() != after.keys():
            raise DataError(f"{what} has rows with {', '.join(before)} and rows with {', '.join(after)}.")
    arrays = {name: _stacked(what, name, [row[name] for row in rows]) for name in rows[0]}
    labels, group = arrays.pop(LABEL), arrays.pop(GROUP, None)
    for name, array in arrays.items():
        if array.dtype.kind not in NUMBERS:
            raise DataError(f"{what} has {name!r} that is not made of numbers: give rows as the model takes them.")
    return DatasetRows(arrays, labels, group)


def join_datasets(parts: Sequence[DatasetRows]) -> DatasetRows:
    """Join the rows of several data sets.

    Raises:
        DataError: they have different inputs, or rows of different shapes.
    """
    names = list(dict.fromkeys(name for part in parts for name in part.inputs))
    inputs = {name: joined(name, [part.inputs.get(name) for part in parts]) for name in names}
    groups = [part.group for part in parts]
    group = None if all(one is None for one in groups) else joined(GROUP, groups)
    return DatasetRows(inputs, joined(LABEL, [part.labels for part in parts]), group)


def joined(name: str, parts: Sequence[Array | None]) -> Array:
    """Join the arrays of several sets of rows.

    Args:
        name: of the array, for messages.
        parts: the array of each set; None for a set without it.

    Raises:
        DataError: a set lacks it, or the shapes of the rows differ.
    """
    there = [part for part in parts if part is not None]
    shapes = sorted({part.shape[1:] for part in there})
    if len(there) < len(parts):
        raise DataError(f"One set of rows has {name!r} and another has not: give all sets in the same form.")
    if len(shapes) > 1:
        raise DataError(f"Sets of rows differ in the shape of {name!r}: {list(shapes[0])} and {list(shapes[1])}.")
    return np.concatenate(there)


def _rows(dataset: Any) -> Iterator[Any]:
    # A PyTorch Dataset has a length and items, and no end that an iteration would see.
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return (dataset[place] for place in range(len(dataset)))
    return iter(dataset)


def _require_steady(what: str, dataset: Any, label: str) -> None:
    """Refuse a data set that changes its rows at random: the model was not trained on the very rows of the bundle."""
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        return
    for place in range(min(READ_TWICE, len(dataset))):
        once, again = (_parsed(what, dataset[place], label) for _ in range(2))
        if any(not np.array_equal(once[name], again[name]) for name in once.keys() & again.keys()):
            raise DataError(
                f"{what} gives another row {place} each time, so it changes rows at random: give it the transform that "
                "you evaluate with."
            )


def _parsed(what: str, row: Any, label: str) -> dict[str, Array]:
    """Take a row apart into its inputs, its label and its group."""
    if isinstance(row, Mapping):
        if label not in row:
            raise DataError(f"{what} has rows without {label!r}: they have {', '.join(map(str, row))}.")
        parts = {str(name): value for name, value in row.items() if name != label}
        return {name: _array(what, value) for name, value in (*parts.items(), (LABEL, row[label]))}
    if not isinstance(row, tuple | list) or len(row) not in (2, 3):
        raise DataError(f"{what} must give rows as (row, label), as (row, label, group), or as dicts.")
    inputs = row[0] if isinstance(row[0], Mapping) else {SINGLE: row[0]}
    named = {**inputs, LABEL: row[1], **({GROUP: row[2]} if len(row) == 3 else {})}
    return {str(name): _array(what, value) for name, value in named.items()}


def _array(what: str, value: Any) -> Array:
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except Exception as error:  # whatever the conversion of a foreign object raises
        raise DataError(f"{what} has a value that is no array of numbers: {first_line(error)}.") from error
    if array.dtype.kind not in NUMBERS + TEXTS:
        raise DataError(f"{what} has a value of the type {type(value).__name__}: give numbers, arrays or tensors.")
    return array


def _stacked(what: str, name: str, values: list[Array]) -> Array:
    shapes = {value.shape for value in values}
    if len(shapes) > 1:
        first, second = sorted(shapes)[:2]
        raise DataError(
            f"{what} has rows of different shapes, {list(first)} and {list(second)}, for {name!r}: bring them to one, "
            "as by padding."
        )
    return np.stack(values)
