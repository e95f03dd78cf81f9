"""The undefended reference: the model that a defended one was made from, opened where it runs."""

import numpy as np

from dynanoise_export.errors import ModelInputError
from dynanoise_export.graph.logits import Scale, behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import BATCH_ROWS, Closing, Predictor, predict
from dynanoise_export.runtimes.pytorch import PyTorchPredictor
from dynanoise_export.sources.find_logits import scale_of
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.types import Array, Arrays, Float64s


class Reference(Closing):
    """The undefended reference, in PyTorch or, for an ONNX file, in ONNX Runtime; a context manager.

    Args:
        source: the opened classifier.

    Attributes:
        source: the same.

    Raises:
        UserError: it can't be run.
    """

    def __init__(self, source: SourceModel) -> None:
        self.source = source
        self._predictor, self._output = _open(source)
        self._scale: Scale | None = None
        sizes = (spec.shape[0] for spec in source.inputs if spec.shape)
        self._batch = next((size for size in sizes if isinstance(size, int)), BATCH_ROWS)

    def logits(self, rows: Arrays) -> Float64s:
        """Answer any number of rows.

        Args:
            rows: an array for each input, at least those that the reference takes.

        Returns:
            Logits float64 [n, k]; if the reference gives probabilities, their logarithm, which differs from the logits
            by a constant for each row.

        Raises:
            UserError: the reference does not take the rows.
        """
        missing = [spec.name for spec in self.source.inputs if spec.name not in rows]
        if missing:
            raise ModelInputError(
                f"{self.source.path} takes the input {missing[0]!r}, and the rows have {', '.join(rows)}."
            )
        taken = {spec.name: rows[spec.name].astype(spec.dtype, copy=False) for spec in self.source.inputs}
        scores: Array = predict(self._predictor, taken, self._output, self._batch)
        if self._scale is None:  # decided on the first rows, once and for all
            self._scale = scale_of(scores)
        answers = scores.astype(np.float64)
        if self._scale is Scale.LOGITS:
            return answers
        with np.errstate(divide="ignore"):
            return np.log(answers)

    def close(self) -> None:
        """Release the model."""
        self._predictor.close()


def _open(source: SourceModel) -> tuple[Predictor, str]:
    """Open the reference, and name the output with its logits or probabilities."""
    if source.module is not None:
        names = [spec.name for spec in source.inputs]
        outputs = [source.output, *source.dropped]
        return PyTorchPredictor(source.path, source.module, names, outputs), source.output
    model = source.to_onnx(None)
    output = value_named(model, source.output)
    if output is None:
        raise AssertionError(f"the ONNX model has no {source.output}")
    logits = behind(output).value
    model.graph.outputs[:] = [logits]
    return open_graph(model), logits.name or ""
