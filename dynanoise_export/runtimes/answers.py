"""The one place where the shapes of answers are checked, wherever a model runs.

A server or a file may answer with fewer or more rows than it got, and so shift all rows after them, or with something
other than numbers. Nothing above this module looks at answers that did not pass here.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dynanoise_export.errors import EndpointError
from dynanoise_export.types import Array

NUMBERS = "fiu"


def answers_of(given: Mapping[str, Array], output: str, rows: int, name: str, classes: int | None = None) -> Array:
    """Give one output of a batch, if it is an array of numbers with one row for each row of the batch.

    Args:
        given: the outputs by name.
        output: the name of the output.
        rows: how many were sent.
        name: of the model, for messages.
        classes: how many numbers each row must have; None for a row of any form.

    Returns:
        The output, [rows, …].

    Raises:
        EndpointError: the output is missing, has another number of rows or classes, or does not hold numbers.
    """
    answers = given.get(output)
    if answers is None:
        raise EndpointError(f"{name} does not answer each of {rows} rows with the output {output!r}.")
    answers = np.asarray(answers)
    if answers.ndim == 0 or len(answers) != rows:
        raise EndpointError(f"{name} answers {rows} rows with {output!r} of the shape {list(answers.shape)}.")
    if classes is not None and answers.shape[1:] != (classes,):
        raise EndpointError(
            f"{name} answers {rows} rows with {output!r} of the shape {list(answers.shape)}, and has {classes} classes."
        )
    if answers.dtype.kind not in NUMBERS:
        raise EndpointError(f"{name} answers with {output!r} of the type {answers.dtype}, and not with numbers.")
    return answers


def joined_answers(parts: Sequence[Array], output: str, name: str) -> Array:
    """Put the answers to one batch after those to another.

    Raises:
        EndpointError: they differ in their shape beyond the rows.
    """
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        listed = " and ".join(sorted(str(["rows", *shape]) for shape in shapes))
        raise EndpointError(f"{name} answers some rows with {output!r} of another shape than others: {listed}.")
    return np.concatenate(parts)


def joined_outputs(parts: Sequence[Mapping[str, Array]], rows: Sequence[int]) -> dict[str, Array]:
    """Join the outputs of several batches, and leave out those that have not one row for each row of their batch.

    Args:
        parts: the outputs of each batch, by name.
        rows: how many each batch has.
    """
    joined = {}
    for name in parts[0]:
        arrays = [np.asarray(part[name]) for part in parts if name in part]
        fit = [a.ndim > 0 and len(a) == count for a, count in zip(arrays, rows, strict=False)]
        if len(arrays) == len(rows) and all(fit) and len({(a.shape[1:], a.dtype) for a in arrays}) == 1:
            joined[name] = np.concatenate(arrays)
    return joined
