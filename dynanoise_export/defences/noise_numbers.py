"""Whole numbers that are made of noise in the same way in NumPy and in a graph, to the last bit.

Standard normals are multiplied by 2^16 and rounded down, which float32 does exactly, and the whole numbers of all
classes are added. The sum is spread over so many multiples of a small number that its remainder is uniform.
"""

import numpy as np

from dynanoise_export.types import Floats, Int64s

# No standard normal of float32 lies farther out.
FARTHEST = 8.0
STEPS = 1 << 16
# Makes all numbers positive: runtimes disagree about the remainder of negative ones.
SHIFT = int(FARTHEST) * STEPS


def noise_numbers(noise: Floats) -> Int64s:
    """Add up standard normals [n, k] in steps of 2^-16: int64 [n, 1], not negative."""
    steps = np.floor(np.clip(noise, -FARTHEST, FARTHEST) * STEPS).astype(np.int64)
    return np.asarray((steps + SHIFT).sum(axis=1, keepdims=True))
