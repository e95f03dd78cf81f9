"""The secret tables of keyed noise, derived from its key."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from dynanoise_export.errors import UserError
from dynanoise_export.noise.keyed.key import Key

# How many numbers a query is hashed by: the fewer, the fewer edges near it, and the more queries share their noise.
PROJECTIONS = 8
# The normals come out of the last table in rows of so many, for a runtime takes as long for a row as for a number.
GROUP = 4
# How many rows the last table has, and so how many quantiles the normal law is made of.
ROWS = 1 << 16
# The root of 1 - log p is rounded to this, and cut off at LARGEST: 11 bits, which even TF32 holds exactly.
STEPS = 64
LARGEST = 2047
# Beyond so many classes float32 can't sum the rounded values exactly, and the others take no part in the hash.
MOST_HASHED = (1 << 24) // LARGEST
# On each side of 0, in units of the projections; queries beyond it share the last cell.
RANGE = 32
# Of one grid's tables: a finer grid and more classes take more.
MOST_BYTES = 1 << 28

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cells:
    """How one grid cuts the queries into cells, and hashes a cell.

    Attributes:
        width: of a cell, in steps; int32.
        offsets: int32 [m], for each projection: its grid's secret shift, and where its rows of `hashes` begin.
        limit: float32, where the projections are cut off on both sides.
        hashes: int32 [m · cells, groups], a secret number below `ROWS` for each cell of each projection and group.
    """

    width: Int32s
    offsets: Int32s
    limit: Floats
    hashes: Int32s


@dataclass(frozen=True)
class Hashing:
    """What queries are hashed with, for a model of k classes.

    Attributes:
        classes: k.
        projection: float32 [k, m], secret signs.
        cells: one for each grid.
    """

    classes: int
    projection: Floats
    cells: tuple[Cells, ...]

    @property
    def groups(self) -> int:
        """How many rows of normals a query takes from each grid."""
        return -(-self.classes // GROUP)


@dataclass(frozen=True)
class Tables(Hashing):
    """All that keyed noise is computed with.

    Attributes:
        normals: float32 [ROWS, GROUP], the quantiles of the normal law in a secret order in each column, divided by
            the root of the number of grids.
    """

    normals: Floats


def derive(key: Key, grids: tuple[float, ...], classes: int) -> Tables:
    """Derive all tables from a key; the arguments and errors are those of `derive_hashing`."""
    normals = (_normals(key) / np.sqrt(len(grids))).astype(np.float32)
    return Tables(**vars(derive_hashing(key, grids, classes)), normals=normals)


def derive_hashing(key: Key, grids: tuple[float, ...], classes: int) -> Hashing:
    """Derive from a key what queries are hashed with.

    Args:
        key: the secret.
        grids: the widths of the cells of each grid, in roots of nats; each grid gives an equal share of the variance.
        classes: k.

    Raises:
        UserError: a grid is too fine for so many classes.
    """
    signs = np.unpackbits(np.frombuffer(key.stream("signs", classes * PROJECTIONS // 8 + 1), np.uint8))
    projection = signs[: classes * PROJECTIONS].reshape(classes, PROJECTIONS) * np.float32(2) - np.float32(1)
    projection[MOST_HASHED:] = 0
    cells = tuple(_cells(key, number, grid, classes) for number, grid in enumerate(grids))
    return Hashing(classes, projection.astype(np.float32), cells)


def _cells(key: Key, number: int, grid: float, classes: int) -> Cells:
    # A sum of k roots with random signs is as large as a root times √k.
    scale = STEPS * np.sqrt(min(classes, MOST_HASHED))
    width = max(1, round(float(scale * grid)))
    half = int(-(-RANGE * scale // width))
    count = 2 * half
    groups = -(-classes // GROUP)
    size = PROJECTIONS * count * groups * np.dtype(np.int32).itemsize
    if size > MOST_BYTES:
        raise UserError(f"A grid of {grid:g} takes {size >> 20:,} MiB of tables for {classes:,} classes: too fine.")
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
    """Put the quantiles into a secret order in each column, and take off what correlation is left by chance."""
    orders = _whole_numbers(key, "order of the normals", ROWS * GROUP, np.uint64).reshape(GROUP, ROWS)
    columns = _quantiles()[np.argsort(orders, axis=1, kind="stable")].T
    covariance = columns.T @ columns / ROWS
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(columns @ (vectors / np.sqrt(values) @ vectors.T))


@cache
def _quantiles() -> npt.NDArray[np.float64]:
    """Give as many numbers as a table has rows, of mean 0 and variance 1, each as likely under the normal law."""
    middles = ndtri((np.arange(ROWS) + 0.5) / ROWS)
    return np.asarray(middles / middles.std())


def _whole_numbers(
    key: Key, label: str, count: int, dtype: type[np.unsignedinteger]
) -> npt.NDArray[np.unsignedinteger]:
    kind = np.dtype(dtype).newbyteorder("<")
    return np.frombuffer(key.stream(label, count * kind.itemsize), kind).astype(dtype)
