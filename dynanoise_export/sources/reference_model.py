"""The undefended reference: the model that a defended one was made from, opened where it runs."""

from dataclasses import dataclass

import numpy as np

from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.errors import ModelInputError, UnsupportedModelError
from dynanoise_export.graph.logits import Ending, Scale
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.answers import answers_of
from dynanoise_export.runtimes.fixed_batch import any_rows
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import BATCH_ROWS, Closing, Predictor, batches, predict
from dynanoise_export.runtimes.provider import ON_CPU, Execution
from dynanoise_export.sources.find_logits import find_logits, scale_of
from dynanoise_export.sources.score_options import TreatAs
from dynanoise_export.sources.score_values import agree
from dynanoise_export.sources.scores_to_logits import (
    SMALLEST,
    in_classes,
    log_of,
    scale_of_one,
    smallest_probability,
)
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.sources.source_module import SourceModule
from dynanoise_export.types import Array, Arrays, Float64s, row_count

SCALES = {TreatAs.LOGITS: Scale.LOGITS, TreatAs.PROBABILITIES: Scale.PROBABILITIES}


@dataclass(frozen=True)
class _Softmax:
    """The output whose values must be the softmax of the logits that were found, and whether it is rounded."""

    answer: str
    rounded: bool


class Reference(Closing):
    """The undefended reference, in PyTorch or, for an ONNX file, in ONNX Runtime; a context manager.

    Args:
        source: the opened classifier.
        threads: how many a CPU may use for one operator in ONNX Runtime; None leaves it to the runtime.
        execution: how ONNX Runtime runs an ONNX file.

    Attributes:
        source: the same.
        confirmed: whether its own answers are the softmax of the logits that it gives, as far as it has answered.

    Raises:
        UserError: it can't be run, or its scores can't be defended.
    """

    def __init__(self, source: SourceModel, threads: int | None = None, execution: Execution = ON_CPU) -> None:
        self.source = source
        self.confirmed = False
        predictor, self._output, self._scale, self._unconfirmed = _open(source, threads, execution)
        fixed = fixed_batch(source.inputs)
        self._predictor = any_rows(predictor, fixed)
        self._batch = BATCH_ROWS if fixed is None else fixed * max(1, BATCH_ROWS // fixed)
        self._floor = SMALLEST

    @property
    def floor(self) -> float | None:
        """The probability that smaller ones count as; None if the reference gives logits, or has not answered yet."""
        return self._floor if self._scale is Scale.PROBABILITIES else None

    def logits(self, rows: Arrays, guard: Guard | None = None) -> Float64s:
        """Answer any number of rows.

        Args:
            rows: an array for each input, at least those that the reference takes.
            guard: through which the rows go; None for none.

        Returns:
            Logits float64 [n, k]; if the reference gives probabilities, the logarithm of max(p, floor), which differs
            from the logits by a constant for each row.

        Raises:
            UserError: the reference or the guard does not take the rows, or it does not answer with k scores.
        """
        missing = [spec.name for spec in self.source.inputs if spec.name not in rows]
        if missing:
            raise ModelInputError(
                f"{self.source.path} takes the input {missing[0]!r}, and the rows have {', '.join(rows)}."
            )
        if guard is None or guard.copies == 1:
            return self._logits(rows if guard is None else guard.asked(rows), guard)
        parts = batches(rows, max(1, self._batch // guard.copies))  # the copies of all rows may not fit the memory
        return np.concatenate([self._logits(guard.asked(part), guard) for part in parts])

    def _logits(self, rows: Arrays, guard: Guard | None) -> Float64s:
        taken = {spec.name: rows[spec.name].astype(spec.dtype, copy=False) for spec in self.source.inputs}
        if self._unconfirmed is not None:
            self._confirm(taken, self._unconfirmed)
        answers = self._in_classes(
            predict(self._predictor, taken, self._output, self._batch, name=str(self.source.path))
        )
        if guard is not None:
            answers = guard.merged(answers, probabilities=self._scale is Scale.PROBABILITIES)
        if self._scale is Scale.LOGITS:
            return answers
        return log_of(answers, self._floor)

    def _confirm(self, rows: Arrays, found: _Softmax) -> None:
        """Check on the first batch of real rows what a trial run on the example showed: the answers are its softmax."""
        first = next(batches(rows, self._batch))
        given, count, name = self._predictor.run(first), row_count(first), str(self.source.path)
        logits = answers_of(given, self._output, count, name).astype(np.float64)
        scores = answers_of(given, found.answer, count, name).reshape(count, -1).astype(np.float64)
        if not agree(scores, logits, rounded=found.rounded).all():
            raise UnsupportedModelError(
                f"The output {found.answer!r} of {self.source.path} is the softmax of {self._output!r} on the example, "
                "and not on the rows of the data: name the logits with --logits NAME."
            )
        self._unconfirmed, self.confirmed = None, True

    def _in_classes(self, scores: Array) -> Float64s:
        """Bring scores such as [n, k, 1, 1], or the single score of a binary model, into the form [n, k]."""
        columns = scores.size // max(len(scores), 1)
        binary = self.source.scores.binary and columns == 1
        if columns != (1 if binary else self.source.classes):
            shape = list(scores.shape)
            raise UnsupportedModelError(f"{self.source.path} gives scores of the shape {shape}, and not [n, k].")
        answers = scores.reshape(len(scores), columns).astype(np.float64)
        self._floor = self.source.scores.floor or smallest_probability(scores.dtype, one=binary)
        if self._scale is Scale.UNKNOWN:  # decided on the first rows, once and for all
            self._scale = scale_of_one(answers) if binary else scale_of(scores.reshape(answers.shape))
            self.confirmed = self._scale is Scale.PROBABILITIES
        return in_classes(answers, self._scale) if binary else answers

    def close(self) -> None:
        """Release the model."""
        self._predictor.close()


class _InPyTorch(Closing):
    """A source's module as a predictor."""

    def __init__(self, source: SourceModel, module: SourceModule) -> None:
        self.inputs = [spec.name for spec in source.inputs]
        self.outputs = [source.output, *source.dropped]
        self._module = module

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer one batch."""
        return self._module.run(inputs)


def _open(
    source: SourceModel, threads: int | None, execution: Execution
) -> tuple[Predictor, str, Scale, _Softmax | None]:
    """Open the reference; name the output with its scores, and say what they are if that is known before a run."""
    if source.module is not None:
        said = source.scores.treat_as
        scale = Scale.UNKNOWN if said is None else SCALES[said]
        return _InPyTorch(source, source.module), source.output, scale, None
    model = source.to_onnx(None)
    logits = find_logits(model, source)
    own = value_named(model, source.output)
    softmax = logits.ending is Ending.SOFTMAX and own is not None and logits.value is not own
    model.graph.outputs[:] = [logits.value, own] if softmax and own is not None else [logits.value]
    confirm = _Softmax(source.output, logits.rounded) if softmax else None
    return open_graph(model, execution, threads), str(logits.value.name), logits.scale, confirm
