"""Models whose batch is fixed: they get any number of rows, and each call of the model has as many as it takes."""

from dataclasses import dataclass

import numpy as np

from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.answers import joined_outputs
from dynanoise_export.runtimes.predictor import BATCH_ROWS, Closing, Endpoint, Predictor, batches
from dynanoise_export.types import Array, Arrays, row_count


def filled_up(array: Array, size: int | None) -> Array:
    """Pad a batch to a fixed size by repeating its last row."""
    missing = (size or 0) - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing > 0 else array


def any_rows(predictor: Predictor, size: int | None) -> Predictor:
    """Give a predictor that answers any number of rows.

    Args:
        predictor: of a model.
        size: of its batch; None if its batch is dynamic.
    """
    return predictor if size is None else FixedBatchPredictor(predictor, size)


class FixedBatchPredictor(Closing):
    """Answers any number of rows with a model whose batch is fixed; the last batch is filled up.

    Args:
        predictor: of the model; it is closed with this one.
        size: of its batch.
    """

    def __init__(self, predictor: Predictor, size: int) -> None:
        self._predictor, self._size = predictor, size

    def close(self) -> None:
        """Release the model."""
        self._predictor.close()

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return self._predictor.inputs

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return self._predictor.outputs

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer any number of rows; outputs that have not one row for each row of the batch are left out.

        Raises:
            UserError: the model does not run on them.
        """
        rows = row_count(inputs)
        parts = [
            self._predictor.run({name: filled_up(array, self._size) for name, array in batch.items()})
            for batch in batches(inputs, self._size)
        ]
        joined = joined_outputs(parts, [self._size] * len(parts))
        return {name: array[:rows] for name, array in joined.items()}


@dataclass(frozen=True)
class FixedBatchEndpoint:
    """An endpoint of a model whose batch is fixed, which takes any number of rows.

    Attributes:
        endpoint: of the model.
        size: of its batch.
    """

    endpoint: Endpoint
    size: int

    @property
    def where(self) -> Where:
        """The same as of the endpoint."""
        return self.endpoint.where

    def open(self) -> FixedBatchPredictor:
        """Open the model in a session of its own.

        Raises:
            UserError: it can't be opened there.
        """
        return FixedBatchPredictor(self.endpoint.open(), self.size)


def rows_at_once(endpoint: Endpoint) -> int:
    """Give the number of rows to send to a model in one call."""
    return endpoint.size if isinstance(endpoint, FixedBatchEndpoint) else BATCH_ROWS
