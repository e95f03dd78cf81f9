"""Which queries lie so near the edge of a cell that logits that move put them on either side."""

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.noise.keyed import reference
from dynanoise_export.noise.keyed.tables import LARGEST, STEPS, Tables
from dynanoise_export.types import Bools, Floats, Int64s

# How much a correct log-probability may differ between runtimes, for each unit of its size plus one.
ROUNDING = 1e-6


@np.errstate(over="ignore", invalid="ignore")  # masked classes
def on_an_edge(logits: Floats, tables: Tables, distance: float = 0.0) -> Bools:
    """Find these queries.

    Within the distance, the root of each class may be rounded to other steps. The roots move the projections of the
    query, each in the direction of its sign: a query is on an edge if they can move a projection over one.

    Args:
        logits: float64 [n, k].
        tables: of the noise.
        distance: how far a log-probability may move, beyond what rounding moves it by.

    Returns:
        bool [n].
    """
    z = logits.astype(np.float64)
    size = 1 - log_softmax(z, axis=1)
    blur = distance + ROUNDING * size
    here, most, least = (_steps(sizes) for sizes in (size, size + blur, size - blur))
    up, down = most - here, least - here
    plus, minus = ((tables.projection == sign).astype(np.int64) for sign in (1, -1))
    farthest, nearest = up @ plus - down @ minus, down @ plus - up @ minus
    places = reference.places_of(z, tables)
    edge = np.zeros(len(z), dtype=bool)
    for cells in tables.cells:
        width, limit = int(cells.width), int(cells.limit)
        within = (np.clip(places, -limit, limit) + cells.offsets.astype(np.int64)) % width
        edge |= ((within + nearest < 0) | (within + farthest >= width)).any(axis=1)
    return edge


def _steps(size: Floats) -> Int64s:
    """Round the root of one minus a log-probability, as the noise does; NaN counts as a class that is masked."""
    roots = np.sqrt(np.maximum(np.nan_to_num(size, nan=np.inf), 1)) * STEPS
    return np.asarray(np.round(np.minimum(roots, LARGEST)), np.int64)
