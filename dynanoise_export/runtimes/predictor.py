"""What a place where a model runs has to offer."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[np.generic]]

# Enough rows to keep a runtime busy, and few enough for the activations of an image model.
ROWS_AT_ONCE = 256


class Predictor(Protocol):
    """A model that answers queries: in PyTorch, in a runtime, or behind a URL."""

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[np.generic]]:
        """Answer one batch: inputs by name, each with the rows first, to outputs by name."""


class Endpoint(Protocol):
    """Somewhere that a deployed model runs; it can be pickled, and so sent to another process."""

    @property
    def generator(self) -> str:
        """What is weak about the random numbers that are drawn there, in words; empty if nothing is known."""

    @property
    def sessions_repeat(self) -> bool:
        """Whether two sessions that one process opens are known to draw the same numbers there."""

    def open(self) -> Predictor:
        """Open the model, in a session of its own.

        Raises:
            UserError: it can't be opened there.
        """


def rows_of(inputs: Arrays) -> int:
    """Tell how many rows the inputs have."""
    return len(next(iter(inputs.values())))


def batches(inputs: Arrays, size: int = ROWS_AT_ONCE) -> Iterator[dict[str, npt.NDArray[np.generic]]]:
    """Cut inputs into batches of `size` rows; the last one may be smaller."""
    for start in range(0, rows_of(inputs), size):
        yield {name: np.ascontiguousarray(array[start : start + size]) for name, array in inputs.items()}


def predict(predictor: Predictor, inputs: Arrays, output: str, size: int = ROWS_AT_ONCE) -> npt.NDArray[np.generic]:
    """Answer any number of rows, a batch at a time, and give one output for all of them."""
    return np.concatenate([predictor.run(batch)[output] for batch in batches(inputs, size)])
