"""Samples of the rows of an audit, drawn on their own: not with the halves that shadow models train on."""

import numpy as np

from dynanoise_export.types import Int64s

# With a seed of 0 alone, a sample would be the very rows that the first shadow model of a store was trained on.
STREAM = int.from_bytes(b"row sample")


def row_order(rows: int) -> Int64s:
    """Give the numbers of n rows in a random order, the same each time."""
    return np.random.default_rng([STREAM]).permutation(rows)


def row_sample(rows: int, count: int) -> Int64s:
    """Draw at most so many of n rows, the same each time; their numbers, rising."""
    return np.sort(row_order(rows)[:count])
