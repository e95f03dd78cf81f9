"""The secret tables of keyed noise, derived from its key."""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from dynanoise_export.errors import UsageError
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.types import Float32s

# How many projections of a query are hashed. Fewer projections put fewer cell edges near a query, and more queries
# into one cell.
PROJECTIONS = 8
# How many normals a row of the last table has: a runtime looks up a row as fast as a single number.
GROUP = 4
# With so few classes, rows are as short as it takes for their normals to be as many as the classes, so that none is cut
# off. With more classes, shorter rows cost more than the cut.
MOST_FITTED = 32
# How many rows the last table has, and so how many quantiles represent the normal law.
ROWS = 1 << 16
# √(1 - log p) is rounded to 1 / STEPS and clipped at LARGEST steps: 11 bits, which even TF32 holds exactly.
STEPS = 64
LARGEST = 2047
# With more classes, float32 could not sum the rounded values exactly: the classes beyond these are not hashed.
MOST_HASHED = (1 << 24) // LARGEST
# How far a grid reaches on each side of 0, in units of the projections; queries further out share the last cell.
RANGE = 32
# The most that one grid's tables may take; a finer grid and more classes need more.
MOST_BYTES = 1 << 28

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cells:
    """How one grid cuts the queries into cells, and hashes a cell.

    Attributes:
        width: of a cell, in steps; int32.
        offsets: int32 [m], for each projection its secret shift, plus the start of its rows in `hashes`.
        limit: float32, at which the projections are clipped on both sides.
        hashes: int32 [m · cells, groups], a secret number below `ROWS` for each cell of each projection and group.
    """

    width: Int32s
    offsets: Int32s
    limit: Float32s
    hashes: Int32s


@dataclass(frozen=True)
class Hashing:
    """The tables that hash queries, for a model of k classes.

    Attributes:
        classes: k.
        projection: float32 [k, m], secret signs.
        cells: one for each grid.
    """

    classes: int
    projection: Float32s
    cells: tuple[Cells, ...]

    @property
    def groups(self) -> int:
        """How many rows of normals each grid gives a query."""
        return -(-self.classes // GROUP)


@dataclass(frozen=True)
class Tables(Hashing):
    """All tables of keyed noise.

    Attributes:
        normals: float32 [ROWS, GROUP], in each column the quantiles of the normal law in a secret order, divided by
            the square root of the number of grids.
    """

    normals: Float32s


def derive(key: Key, grids: tuple[float, ...], classes: int) -> Tables:
    """Derive all tables from a key; the arguments and errors are those of `derive_hashing`."""
    normals = (_normals(key) / np.sqrt(len(grids))).astype(np.float32)
    return Tables(**vars(derive_hashing(key, grids, classes)), normals=normals)


def derive_hashing(key: Key, grids: tuple[float, ...], classes: int) -> Hashing:
    """Derive from a key the tables that hash queries.

    Args:
        key: the secret.
        grids: the width of each grid's cells, in square roots of nats; each grid gives an equal share of the variance.
        classes: k.

    Raises:
        UsageError: a grid is too fine for so many classes.
    """
    # First, because this refuses a number of classes that would fill the memory.
    cells = tuple(_cells(key, number, grid, classes) for number, grid in enumerate(grids))
    signs = np.unpackbits(np.frombuffer(key.stream("signs", classes * PROJECTIONS // 8 + 1), np.uint8))
    projection = signs[: classes * PROJECTIONS].reshape(classes, PROJECTIONS) * np.float32(2) - np.float32(1)
    projection[MOST_HASHED:] = 0
    return Hashing(classes, projection.astype(np.float32), cells)


def fitted(tables: Tables) -> Tables:
    """Give tables of the same noise as a graph holds them: for few classes with shorter rows of normals.

    A row of four normals becomes two of two, or four of one. The number of such a row is as many times as large, plus
    its place in the old one, which the cells of the first projection add.
    """
    size = math.gcd(tables.classes, GROUP) if tables.classes <= MOST_FITTED else GROUP
    parts = GROUP // size
    columns = np.arange(-(-tables.classes // size), dtype=np.int32)

    def shortened(cells: Cells) -> Cells:
        hashes = cells.hashes[:, columns // parts] * np.int32(parts)
        hashes[: len(hashes) // PROJECTIONS] += columns % parts
        return replace(cells, hashes=hashes)

    cells = tuple(shortened(own) for own in tables.cells)
    return replace(tables, cells=cells, normals=tables.normals.reshape(-1, size))


def _cells(key: Key, number: int, grid: float, classes: int) -> Cells:
    # A sum of k values with random signs is about √k times as large as one value.
    scale = STEPS * np.sqrt(min(classes, MOST_HASHED))
    width = max(1, round(float(scale * grid)))
    half = int(-(-RANGE * scale // width))
    count = 2 * half
    groups = -(-classes // GROUP)
    size = PROJECTIONS * count * groups * np.dtype(np.int32).itemsize
    if size > MOST_BYTES:
        raise UsageError(
            f"A grid of {grid:g} needs {size >> 20:,} MiB of tables for {classes:,} classes: choose a coarser grid."
        )
    shifts = _whole_numbers(key, f"shifts {number}", PROJECTIONS, np.uint64) % np.uint64(width)
    offsets = shifts.astype(np.int64) + (np.arange(PROJECTIONS) * count + half) * width
    hashes = _whole_numbers(key, f"hashes {number}", PROJECTIONS * count * groups, np.uint16)
    return Cells(
        width=np.array(width, np.int32),
        offsets=offsets.astype(np.int32),
        limit=np.array((half - 1) * width, np.float32),
        hashes=hashes.astype(np.int32).reshape(-1, groups),
    )


def _normals(key: Key) -> npt.NDArray[np.float64]:
    """Put the quantiles into a secret order in each column, and remove the correlation that is left by chance."""
    orders = _whole_numbers(key, "order of the normals", ROWS * GROUP, np.uint64).reshape(GROUP, ROWS)
    columns = _quantiles()[np.argsort(orders, axis=1, kind="stable")].T
    covariance = columns.T @ columns / ROWS
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(columns @ (vectors / np.sqrt(values) @ vectors.T))


@cache
def _quantiles() -> npt.NDArray[np.float64]:
    """Compute `ROWS` equally likely quantiles of the normal law, scaled to variance 1."""
    middles = ndtri((np.arange(ROWS) + 0.5) / ROWS)
    return np.asarray(middles / middles.std())


def _whole_numbers(
    key: Key, label: str, count: int, dtype: type[np.unsignedinteger]
) -> npt.NDArray[np.unsignedinteger]:
    kind = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(key.stream(label, count * kind.itemsize), kind).astype(dtype)
