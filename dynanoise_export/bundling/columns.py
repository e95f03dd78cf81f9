"""The columns of a table: CSV, TSV, JSON lines, or Parquet."""

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import DataError, FormatError
from dynanoise_export.packages import require_packages
from dynanoise_export.printable import printable
from dynanoise_export.records import json_of, reading
from dynanoise_export.types import Float64s, Progress, Step

# Rows that are read at once.
CHUNK = 10_000
DELIMITERS = ",;\t|"
# How tables write that a number is missing, and truth values.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
TRUTH = {"true": 1.0, "false": 0.0}
# What pandas calls the numbers of the rows when it writes them.
ROW_NUMBERS = frozenset({"", "Unnamed: 0", "__index_level_0__"})

Cells = Sequence[Any] | npt.NDArray[Any]
Chunk = Mapping[str, Cells]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Columns:
    """Columns of a table of n rows.

    Attributes:
        texts: by name, the columns that were asked for as texts: str objects [n].
        names: of the columns of numbers.
        numbers: float64 [n, columns of numbers]; NaN where a number is missing.
        others: the names of the columns that hold something else.
        row_numbers: whether a column without a name, which numbers the rows, was left out.
    """

    texts: dict[str, Objects]
    names: tuple[str, ...]
    numbers: Float64s
    others: tuple[str, ...]
    row_numbers: bool


def read_columns(path: Path, texts: Collection[str], numbers: Sequence[str] | None, progress: Progress) -> Columns:
    """Read columns of a table.

    Args:
        path: of the file.
        texts: the names of the columns to read as texts.
        numbers: the names of the columns to read as numbers; None for all others.
        progress: called for each part of the table.

    Raises:
        UserError: it can't be read, or lacks one of the columns.
    """
    taken: dict[str, list[Objects]] = {name: [] for name in texts}
    read: dict[str, list[Float64s]] = {}
    others: dict[str, None] = {}
    columns: list[str] = []
    row_numbers, rows = False, 0
    with reading(path, "a table"):
        for chunk in FORMATS[path.suffix.lower()](path):
            columns = columns or _checked_names(path, chunk, [*texts, *(numbers or ())])
            row_numbers = row_numbers or (numbers is None and not ROW_NUMBERS.isdisjoint(columns))
            for name in texts:
                taken[name].append(_texts(chunk[name]))
            for name in [name for name in columns if name not in taken] if numbers is None else numbers:
                if name not in ROW_NUMBERS or numbers is not None:
                    _add_numbers(name, chunk[name], read, others)
            rows += len(chunk[columns[0]])
            progress(Step(f"Reading {path.name}, {rows:,} rows"))
    if not rows:
        raise DataError(f"{path} has no rows.")
    names = tuple(name for name in read if name not in others)
    table = np.stack([np.concatenate(read[name]) for name in names], axis=1) if names else np.zeros((rows, 0))
    return Columns(
        {name: np.concatenate(parts) for name, parts in taken.items()}, names, table, tuple(others), row_numbers
    )


def _checked_names(path: Path, chunk: Chunk, wanted: Sequence[str]) -> list[str]:
    names = list(chunk)
    missing = [name for name in wanted if name not in names]
    if missing:
        listed = ", ".join(map(printable, names[:20])) + (", …" if len(names) > 20 else "")
        raise DataError(f"{path} has no column {missing[0]!r}: its columns are {listed}.")
    return names


def _add_numbers(name: str, cells: Cells, read: dict[str, list[Float64s]], others: dict[str, None]) -> None:
    found = None if name in others else _numbers(cells)
    if found is None:
        others[name] = None
    read.setdefault(name, []).append(np.zeros(0) if found is None else found)


def _numbers(cells: Cells) -> Float64s | None:
    """Read cells as numbers; None if one is something else."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "biuf":
        return cells.astype(np.float64)
    try:
        found = np.array(cells, dtype=np.float64)
        return found if found.ndim == 1 else None
    except (TypeError, ValueError):
        pass  # a number may be missing, or a truth value
    try:
        return np.array([_number(cell) for cell in cells], dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _number(cell: Any) -> float:
    text = str(cell).strip().casefold()
    return float("nan") if text in MISSING else TRUTH[text] if text in TRUTH else float(text)


def _texts(cells: Cells) -> Objects:
    texts = np.empty(len(cells), np.object_)
    texts[:] = ["" if cell is None else str(cell) for cell in cells]
    return texts


def _separated(path: Path) -> Iterator[Chunk]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else max(DELIMITERS, key=first.count)
        lines = csv.reader(file, delimiter=delimiter, strict=True)
        names = [name.strip() for name in next(lines, [])]
        if len(set(names)) < len(names):
            raise FormatError(f"{path} names two columns {_repeated(names)!r}: the first line must name each once.")
        while rows := list(islice(lines, CHUNK)):
            rows = [row for row in rows if row]  # an empty line
            wrong = next((row for row in rows if len(row) != len(names)), None)
            if wrong is not None:
                raise FormatError(
                    f"{path} has a row of {len(wrong)} values at or before line {lines.line_num}, and its first line "
                    f"names {len(names)} columns."
                )
            if rows:
                yield dict(zip(names, zip(*rows, strict=True), strict=True))


def _repeated(names: Sequence[str]) -> str:
    return next(name for name in names if names.count(name) > 1)


def _json_lines(path: Path) -> Iterator[Chunk]:
    with path.open(encoding="utf-8-sig") as file:
        names: list[str] = []
        while lines := list(islice(file, CHUNK)):
            rows = [json_of(line, str(path)) for line in lines if line.strip()]
            if not all(isinstance(row, dict) for row in rows):
                raise FormatError(f"{path} has a line that is not a JSON object with a value for each column.")
            names = names or [name for row in rows[:1] for name in row]
            yield {name: [_plain(row.get(name)) for row in rows] for name in names}


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _parquet(path: Path) -> Iterator[Chunk]:
    require_packages("Parquet files need", "pyarrow")
    from pyarrow import parquet, types

    with parquet.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=CHUNK):
            kinds = {name: batch.schema.field(name).type for name in batch.schema.names}
            numeric = {name for name, kind in kinds.items() if types.is_integer(kind) or types.is_floating(kind)}
            yield {
                name: column.to_numpy(zero_copy_only=False) if name in numeric else column.to_pylist()
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }


FORMATS: Mapping[str, Callable[[Path], Iterator[Chunk]]] = {
    ".csv": _separated,
    ".tsv": _separated,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
