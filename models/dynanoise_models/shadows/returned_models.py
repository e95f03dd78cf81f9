"""What the user's training function returned: its answers to rows, and how to store it."""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dynanoise_export.errors import UnsupportedModelError, UsageError
from dynanoise_export.graph.model_files import copy_model
from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.sources.onnx_file import open_onnx
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.scores_to_logits import logits_of
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Array, Arrays, Floats, row_count
from dynanoise_models.shadows.job import Job, Writer
from dynanoise_models.shadows.user_function import UserFunction

# Rows for one call of the user's model: enough for its own batches, and not all of a large bundle at once.
ROWS = 1024
# Rows for a trial run.
FEW = 8


@dataclass(frozen=True)
class Answered:
    """The answers of a model that the user's function returned.

    Attributes:
        logits: [n, k].
        write: writes the model to an ONNX file; None if that is impossible.
    """

    logits: Floats
    write: Writer | None = None


def given_rows(inputs: Arrays) -> Array | dict[str, Array]:
    """Give rows as the user's code takes them: an array for one input, else a dict of arrays."""
    return next(iter(inputs.values())) if len(inputs) == 1 else dict(inputs)


def answers_of(returned: Any, function: UserFunction, inputs: Arrays, job: Job, *, binary: bool) -> Answered:
    """Let a returned model answer all rows.

    Args:
        returned: a module of PyTorch, the path of an ONNX file, or a callable from rows to scores.
        function: that returned it.
        inputs: all rows of the bundle.
        job: that the model belongs to.
        binary: it has one score, for the second of two classes.

    Raises:
        UserError: it is something else, does not run on the rows, or its scores are neither logits nor probabilities.
    """
    torch = sys.modules.get("torch")  # who returns a module has imported it
    if isinstance(returned, str | os.PathLike):
        return _answers_of_file(Path(returned), function, inputs, job, binary=binary)
    if torch is not None and isinstance(returned, torch.nn.Module):
        from dynanoise_models.shadows.returned_modules import answers_of_module

        scores, write = answers_of_module(returned, function.name, inputs, job, binary=binary)
        return Answered(logits_of(scores, function.name, binary=binary), write)
    if callable(returned):
        return Answered(_answers_of_callable(returned, function, inputs, binary=binary))
    raise UsageError(
        f"{function.name} returns a {type(returned).__name__}: return a torch.nn.Module, the path of an ONNX file, or "
        "a callable from rows to scores, such as an estimator's predict_proba."
    )


def _answers_of_file(path: Path, function: UserFunction, inputs: Arrays, job: Job, *, binary: bool) -> Answered:
    _claim(path, function, job)
    example = {name: array[:FEW] for name, array in inputs.items()}
    source = open_onnx(path, SourceOptions(scores=ScoreOptions(binary=binary), rows=example))
    rows = inputs
    if len(inputs) == len(source.inputs) == 1:  # its name does not matter
        rows = {source.inputs[0].name: next(iter(inputs.values()))}
    with Reference(source) as reference:
        return Answered(reference.logits(rows), partial(copy_model, path))


def _claim(path: Path, function: UserFunction, job: Job) -> None:
    """Note that a file belongs to this model: workers that write to one file would mix up their models.

    Raises:
        UsageError: another model has the same file.
    """
    place = job.states / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()}.file"
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(str(job.models[0]))
    except FileExistsError:
        if place.read_text(encoding="utf-8") != str(job.models[0]):
            raise UsageError(
                f"{function.name} gave two models the same file {path}: put the seed into the file's name."
            ) from None


def _answers_of_callable(
    model: Callable[[Any], Any], function: UserFunction, inputs: Arrays, *, binary: bool
) -> Floats:
    answers: list[Array] = []
    for batch in batches(inputs, ROWS):
        rows = given_rows({name: np.array(array) for name, array in batch.items()})  # its own copy
        scores = function.run(lambda rows=rows: np.asarray(model(rows)))  # type: ignore[misc]
        expected = (row_count(batch), *(answers[0].shape[1:] if answers else scores.shape[1:]))
        if scores.shape != expected:
            raise UnsupportedModelError(
                f"The callable that {function.name} returns answers {row_count(batch)} rows with the shape "
                f"{list(scores.shape)}: it must give a score for each class and row."
            )
        answers.append(scores)
    return logits_of(np.concatenate(answers), function.name, binary=binary)
