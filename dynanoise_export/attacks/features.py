"""The rows themselves as a few numbers, for attacks that look at them and for the attack that needs no model."""

import numpy as np

from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.types import Arrays, Float32s

DIMENSIONS = 32


def project(inputs: Arrays) -> Float32s:
    """Project n rows onto `DIMENSIONS` random directions, which roughly keeps their distances.

    Returns:
        float32 [n, DIMENSIONS], each column with mean 0 and standard deviation 1.
    """
    generator = np.random.default_rng(0)
    width = sum(int(np.prod(array.shape[1:])) for array in inputs.values())
    directions = generator.standard_normal((width, DIMENSIONS), dtype=np.float32) / np.sqrt(np.float32(width))
    parts = [
        np.concatenate([a.reshape(len(a), -1).astype(np.float32) for a in batch.values()], axis=1) @ directions
        for batch in batches(inputs)
    ]
    values = np.concatenate(parts)
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6), dtype=np.float32)
