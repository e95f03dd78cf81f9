"""Rows of a table: its columns of numbers are the features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dynanoise_export.bundling.columns import Columns, read_columns
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.bundling.source_rows import SourceRows
from dynanoise_export.errors import DataError, UsageError, shortened
from dynanoise_export.label_forms import Texts
from dynanoise_export.printable import printable
from dynanoise_export.types import Progress


def read_table(path: Path, request: BundleRequest, progress: Progress) -> SourceRows:
    """Read a table.

    Args:
        path: of a CSV, TSV, JSON-lines or Parquet file.
        request: names its columns.
        progress: called for each part of the table.

    Returns:
        The rows, with `x` float64 [n, features] in the order of the columns.

    Raises:
        UserError: it can't be read, lacks a column, or has features that are not numbers or are missing.
    """
    label = request.label
    if label is None:
        raise UsageError(f"{path} is a table: name the column with the labels with --label.")
    texts = [name for name in (label, request.member, request.group) if name is not None]
    columns = read_columns(path, texts, request.columns or None, progress)
    _require_numbers(path, columns)
    return SourceRows(
        {"x": columns.numbers},
        _text(columns, label),
        None if request.member is None else _text(columns, request.member),
        None if request.group is None else _text(columns, request.group),
        columns=columns.names,
        notes=(f"{path.name}: the column without a name, which numbers the rows, is left out",) * columns.row_numbers,
    )


def _text(columns: Columns, name: str) -> Texts:
    return columns.texts[name].astype(np.str_)


def _require_numbers(path: Path, columns: Columns) -> None:
    if columns.others:
        raise DataError(
            f"{path} has features that are not numbers, {_listed(columns.others)}: encode them as for the model and "
            "save the table again, or choose the columns with --columns."
        )
    if not columns.names:
        raise DataError(f"{path} has no columns of numbers beside those with labels and membership.")
    missing = ~np.isfinite(columns.numbers)
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise DataError(
            f"{path} has {int(missing.sum()):,} features that are missing or not finite, the first in the column "
            f"{columns.names[column]!r} of row {row + 1}: fill them as for the model and save the table again."
        )


def _listed(names: Sequence[str]) -> str:
    return shortened(", ".join(printable(name) for name in names))
