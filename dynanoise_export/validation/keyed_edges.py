"""Which queries lie so near the edge of a cell that the rounding of two runtimes may put them on either side."""

import numpy as np
import torch

from dynanoise_export.noise.keyed import reference
from dynanoise_export.noise.keyed.tables import STEPS, Tables
from dynanoise_export.types import Bools, Floats

# How much a correct log-probability may differ between runtimes, for each unit of its size plus one.
ROUNDING = 1e-6


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
    z = torch.from_numpy(logits.astype(np.float64))
    log_p, theirs = (torch.log_softmax(values, dim=1) for values in (z, torch.from_numpy(others.astype(np.float64))))
    difference = (log_p - theirs).abs().nan_to_num(0).max() + ROUNDING * (1 - log_p)
    steps = reference.steps_of(z)
    blur = STEPS**2 * difference / (2 * steps)
    between = (steps - steps.floor() - 0.5).abs() <= blur
    between &= torch.from_numpy(tables.projection).abs().sum(dim=1) > 0
    moves = between.sum(dim=1, keepdim=True)
    places = reference.places_of(z, tables)
    edge = torch.zeros(len(z), dtype=torch.bool)
    for cells in tables.cells:
        width, limit = int(cells.width), int(cells.limit)
        within = (places.clamp(-limit, limit) + torch.from_numpy(cells.offsets).long()) % width
        edge |= ((within < moves) | (within + moves >= width)).any(dim=1)
    return edge.numpy()
