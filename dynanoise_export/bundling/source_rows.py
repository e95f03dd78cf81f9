"""Rows as a source gives them, before they are fitted to a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import Part
from dynanoise_export.dataset_rows import joined
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.label_forms import Texts, membership_of
from dynanoise_export.types import Array, Bools, row_count

AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class SourceRows:
    """The rows of one source, or of all sources together.

    Attributes:
        inputs: arrays of n rows; texts are objects.
        labels: [n] numbers or texts, or [n, k].
        member: [n], as the source writes it; None if the source does not say.
        group: str [n], or None.
        columns: the names of the features of `x`, if it came from a table.
        classes: the names of the classes, in their order, if the source states them.
        named: whether labels are names of classes, even if they are written with digits.
        free_layout: whether the rows are images that may still be given any layout.
        canary: bool [n], the rows with a wrong label on purpose; None if the source does not say.
        notes: what was done to the rows that a user may not expect, in a sentence each.
    """

    inputs: Mapping[str, Array]
    labels: Array
    member: Array | None = None
    group: Texts | None = None
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    named: bool = False
    free_layout: bool = False
    canary: Bools | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return row_count(self.inputs)


@dataclass(frozen=True)
class JoinedRows:
    """The rows of all sources.

    Attributes:
        rows: all rows; `member` is None.
        split: str [n], a value of `Part` for each row.
    """

    rows: SourceRows
    split: npt.NDArray[np.str_]


def join(parts: Mapping[Part | None, SourceRows], what: str) -> JoinedRows:
    """Join the rows of all sources, and decide which part each row belongs to.

    Args:
        parts: the rows of each part, or under None those of all parts.
        what: names the sources, for messages.

    Raises:
        UserError: a source has no rows, does not say which rows are members, or has another form than another one.
    """
    if any(len(rows) == 0 for rows in parts.values()):
        raise DataError(f"{what} has no rows.")
    if None in parts:
        rows = parts[None]
        if rows.member is None:
            raise UsageError(
                f"{what} does not say which rows the model was trained on: name the column or the array that says it "
                "with --member, or give two sources with --members and --non-members."
            )
        return JoinedRows(replace(rows, member=None), _parts(what, rows.member))
    split = np.repeat([str(part) for part in parts], [len(rows) for rows in parts.values()])
    return JoinedRows(_joined(list(parts.values())), split)


def _parts(what: str, member: Array) -> npt.NDArray[np.str_]:
    """Read the part of each row: membership, or the word "auxiliary"."""
    auxiliary = np.zeros(len(member), np.bool_)
    if member.dtype.kind == "U" and member.ndim == 1:
        auxiliary = np.char.lower(np.char.strip(member.astype(np.str_))) == AUXILIARY
    split = np.full(len(member), str(Part.AUXILIARY), "U16")
    trained = membership_of(what, member[~auxiliary])
    split[~auxiliary] = np.where(trained, str(Part.MEMBER), str(Part.NON_MEMBER))
    return split


def _joined(parts: Sequence[SourceRows]) -> SourceRows:
    first = parts[0]
    if any(rows.columns != first.columns for rows in parts):
        raise DataError("The tables have different columns: choose those that all have with --columns.")
    names = list(dict.fromkeys(name for rows in parts for name in rows.inputs))
    groups, canaries = [rows.group for rows in parts], [rows.canary for rows in parts]
    return SourceRows(
        {name: joined(name, [rows.inputs.get(name) for rows in parts]) for name in names},
        joined("label", [rows.labels for rows in parts]),
        group=None if all(group is None for group in groups) else joined("group", groups).astype(np.str_),
        columns=first.columns,
        classes=_classes(parts),
        named=first.named,
        free_layout=first.free_layout,
        canary=None if all(canary is None for canary in canaries) else joined("canary", canaries).astype(np.bool_),
        notes=tuple(dict.fromkeys(note for rows in parts for note in rows.notes)),
    )


def _classes(parts: Sequence[SourceRows]) -> tuple[str, ...]:
    """Give the classes of all parts: folders are sorted by name, and a part may lack some."""
    if all(rows.named for rows in parts):
        return tuple(sorted({name for rows in parts for name in rows.classes}))
    stated = {rows.classes for rows in parts}
    if len(stated) > 1:
        raise DataError("The sources state different classes: give all names in the model's order with --classes.")
    return stated.pop()
