"""What every runtime offers: a predictor that answers batches, and an endpoint that opens one."""

from collections.abc import Iterator
from typing import Protocol, Self

import numpy as np

from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.answers import answers_of, joined_answers
from dynanoise_export.types import Array, Arrays, row_count

# Enough rows to keep a runtime busy, and few enough for the activations of an image model.
BATCH_ROWS = 256


class Predictor(Protocol):
    """A model that answers queries: in PyTorch, in a runtime, or behind a URL. It is a context manager."""

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer one batch: inputs by name, each with the rows first, to outputs by name."""

    def close(self) -> None:
        """Release what the predictor holds; it can't be used afterwards."""

    def __enter__(self) -> Self:
        """Begin a block that ends with `close`."""

    def __exit__(self, *exception: object) -> None:
        """Close."""


class Closing:
    """Makes a context manager of a class with `close`, which does nothing unless the class says otherwise."""

    def close(self) -> None:
        """Release what is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Endpoint(Protocol):
    """Where a deployed model runs. It can be pickled, and so sent to another process."""

    @property
    def where(self) -> Where:
        """The row of the table of noise strength that applies."""

    def open(self) -> Predictor:
        """Open the model in a session of its own.

        Raises:
            UserError: it can't be opened there.
        """


def batches(inputs: Arrays, size: int = BATCH_ROWS) -> Iterator[dict[str, Array]]:
    """Cut inputs into batches of `size` rows; the last may be smaller."""
    for start in range(0, row_count(inputs), size):
        yield {name: np.ascontiguousarray(array[start : start + size]) for name, array in inputs.items()}


def answer(
    predictor: Predictor, inputs: Arrays, output: str, name: str = "The model", classes: int | None = None
) -> Array:
    """Answer one batch, and give one output: numbers, with one row for each row of the batch.

    Args:
        predictor: of the model.
        inputs: the batch.
        output: the name of the output.
        name: of the model, for messages.
        classes: how many numbers each row must have; None for a row of any form.

    Raises:
        UserError: the model does not run on the batch, or answers in another shape.
    """
    return answers_of(predictor.run(inputs), output, row_count(inputs), name, classes)


def predict(
    predictor: Predictor,
    inputs: Arrays,
    output: str,
    size: int = BATCH_ROWS,
    *,
    name: str = "The model",
    classes: int | None = None,
) -> Array:
    """Answer any number of rows, one batch at a time, and give one output for all of them; see `answer`."""
    parts = [answer(predictor, batch, output, name, classes) for batch in batches(inputs, size)]
    return joined_answers(parts, output, name)
