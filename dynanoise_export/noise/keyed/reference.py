"""Keyed noise in NumPy: the reference that an exported graph is compared with."""

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.noise.keyed.tables import GROUP, LARGEST, ROWS, STEPS, Cells, Hashing, Tables
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Float32s, Floats, Int64s


@np.errstate(over="ignore", invalid="ignore")  # NaN in one row
def steps_of(logits: Floats) -> Floats:
    """Compute √(1 − log p) in steps; rounded, it decides the noise of a query.

    Args:
        logits: [n, k] in nats; infinities count as their limits.

    Returns:
        [n, k], from `STEPS` to `LARGEST`, in the type of the logits.
    """
    log_p = log_softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), axis=-1)
    return np.asarray(np.minimum(np.sqrt(1 - log_p) * STEPS, LARGEST))


@np.errstate(invalid="ignore")
def places_of(logits: Floats, hashing: Hashing) -> Int64s:
    """Project queries: logits [n, k] to int64 [n, m], in steps."""
    rounded = np.round(steps_of(logits)).astype(np.float64)
    return np.asarray((rounded @ hashing.projection.astype(np.float64)).astype(np.int64))


def cells_of(places: Int64s, cells: Cells) -> Int64s:
    """Find the cells of projected queries on one grid: int64 [n, m]; no two projections share a number."""
    limit = int(cells.limit)
    found = (np.clip(places, -limit, limit) + cells.offsets.astype(np.int64)) // int(cells.width)
    return np.asarray(found % len(cells.hashes))


def rows_of(places: Int64s, cells: Cells) -> Int64s:
    """Hash the cells of projected queries on one grid: int64 [n, groups], rows of the table of normals."""
    return np.asarray(cells.hashes.astype(np.int64)[cells_of(places, cells)].sum(axis=1) % ROWS)


def keyed_normals(logits: Floats, tables: Tables) -> Float32s:
    """Draw the noise of queries.

    Args:
        logits: [n, k] in nats, float32 or float64.
        tables: derived from the key.

    Returns:
        Standard normals float32 [n, k], equal for equal queries.
    """
    places = places_of(logits, tables)
    drawn = [tables.normals[rows_of(places, cells)] for cells in tables.cells]
    summed = np.sum(drawn, axis=0, dtype=np.float32)
    return np.asarray(summed.reshape(len(logits), GROUP * tables.groups)[:, : tables.classes])
