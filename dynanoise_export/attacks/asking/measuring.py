"""Read a plan off a model: block by block, always the same blocks, so that all models get the same queries."""

import numpy as np

from dynanoise_export.attacks.queries.query_plan import Ask, PreparedPlan, Rows
from dynanoise_export.types import Arrays, Float64s, Int64s

# Rows of a block. A plan's random choices depend on the block.
BLOCK = 256


def measure(plan: PreparedPlan, ask: Ask, inputs: Arrays, y: Int64s, chosen: Int64s | None = None) -> Float64s:
    """Read a plan off a model.

    Args:
        plan: what to send, and how to read the answers.
        ask: the model.
        inputs: all n rows of the audit.
        y: int64 [n], their labels.
        chosen: the numbers of the rows to ask about; None for all.

    Returns:
        float64 [readings, rows].
    """
    numbers = np.arange(len(y)) if chosen is None else chosen
    parts = [
        plan.read(ask, rows_of(inputs, y, numbers[start : start + BLOCK])) for start in range(0, len(numbers), BLOCK)
    ]
    return np.concatenate(parts, axis=1)


def rows_of(inputs: Arrays, y: Int64s, numbers: Int64s) -> Rows:
    """Take rows of an audit by their numbers."""
    return Rows({name: np.ascontiguousarray(array[numbers]) for name, array in inputs.items()}, y[numbers], numbers)
