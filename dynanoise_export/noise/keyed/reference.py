"""Keyed noise in PyTorch: the reference that an exported graph is compared with."""

import torch

from dynanoise_export.noise.keyed.tables import GROUP, LARGEST, ROWS, STEPS, Cells, Hashing, Tables
from dynanoise_export.onnx_functions import LARGEST_LOGIT


def steps_of(logits: torch.Tensor) -> torch.Tensor:
    """Compute √(1 − log p) in steps; rounded, it decides the noise of a query.

    Args:
        logits: [n, k] in nats; infinities count as their limits.

    Returns:
        [n, k], from `STEPS` to `LARGEST`, in the type of the logits.
    """
    log_p = torch.log_softmax(logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT), dim=-1)
    return ((1 - log_p).sqrt() * STEPS).clamp(max=LARGEST)


def places_of(logits: torch.Tensor, hashing: Hashing) -> torch.Tensor:
    """Project queries: logits [n, k] to int64 [n, m], in steps."""
    return (steps_of(logits).round().double() @ torch.from_numpy(hashing.projection).double()).long()


def cells_of(places: torch.Tensor, cells: Cells) -> torch.Tensor:
    """Find the cells of projected queries on one grid: int64 [n, m]; no two projections share a number."""
    limit = int(cells.limit)
    found = (places.clamp(-limit, limit) + torch.from_numpy(cells.offsets).long()) // int(cells.width)
    return found % len(cells.hashes)


def rows_of(places: torch.Tensor, cells: Cells) -> torch.Tensor:
    """Hash the cells of projected queries on one grid: int64 [n, groups], rows of the table of normals."""
    hashes = torch.from_numpy(cells.hashes).long()
    return hashes[cells_of(places, cells)].sum(dim=1) % ROWS


def keyed_normals(logits: torch.Tensor, tables: Tables) -> torch.Tensor:
    """Draw the noise of queries.

    Args:
        logits: [n, k] in nats, float32 or float64.
        tables: derived from the key.

    Returns:
        Standard normals float32 [n, k], equal for equal queries.
    """
    places = places_of(logits, tables)
    normals = torch.from_numpy(tables.normals)
    drawn = [normals[rows_of(places, cells)] for cells in tables.cells]
    return torch.stack(drawn).sum(dim=0).reshape(len(logits), GROUP * tables.groups)[:, : tables.classes]
