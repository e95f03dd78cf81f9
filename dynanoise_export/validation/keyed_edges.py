"""Which queries lie so near the edge of a cell that the rounding of two runtimes may put them on either side."""

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.noise.keyed import reference
from dynanoise_export.noise.keyed.tables import STEPS, Tables
from dynanoise_export.types import Bools, Floats

# How much a correct log-probability may differ between runtimes, for each unit of its size plus one.
ROUNDING = 1e-6


@np.errstate(over="ignore", invalid="ignore")  # masked classes
def on_an_edge(logits: Floats, others: Floats, tables: Tables) -> Bools:
    """Find these queries.

    A root that lies next to the middle between two steps may be rounded either way, which moves the query by one step
    on each projection. So a query is on an edge if the edge is at most as many steps away as the query has such roots.

    Args:
        logits: float64 [n, k].
        others: [n, k], the same queries' logits in another runtime, up to a constant per row.
        tables: of the noise.

    Returns:
        bool [n].
    """
    z = logits.astype(np.float64)
    log_p, theirs = (log_softmax(values, axis=1) for values in (z, others.astype(np.float64)))
    difference = np.nan_to_num(np.abs(log_p - theirs)).max() + ROUNDING * (1 - log_p)
    steps = reference.steps_of(z)
    blur = STEPS**2 * difference / (2 * steps)
    between = np.abs(steps - np.floor(steps) - 0.5) <= blur
    between &= np.abs(tables.projection).sum(axis=1) > 0
    moves = between.sum(axis=1, keepdims=True)
    places = reference.places_of(z, tables)
    edge = np.zeros(len(z), dtype=bool)
    for cells in tables.cells:
        width, limit = int(cells.width), int(cells.limit)
        within = (np.clip(places, -limit, limit) + cells.offsets.astype(np.int64)) % width
        edge |= ((within < moves) | (within + moves >= width)).any(axis=1)
    return edge
