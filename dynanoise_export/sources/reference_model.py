"""What the undefended reference says to the same rows."""

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_export.graph.logits import behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.runtimes.graph_session import predictor_of
from dynanoise_export.runtimes.predictor import Arrays, Predictor, predict
from dynanoise_export.runtimes.pytorch import PyTorchPredictor
from dynanoise_export.sources.source_model import SourceModel

Scores = npt.NDArray[np.float64]


def reference_logits(target: SourceModel, data: Arrays) -> Scores:
    """Run the reference on the rows: in PyTorch, or for an ONNX file in ONNX Runtime.

    Returns:
        Logits float64 [n, k]; where the reference gives probabilities, their logarithm, which differs from the
        logits by a constant a row.

    Raises:
        UserError: the reference does not take the rows.
    """
    predictor, output = open_reference(target)
    missing = [spec.name for spec in target.inputs if spec.name not in data]
    if missing:
        raise UserError(f"{target.path} takes the input {missing[0]!r}, and the rows have {', '.join(data)}.")
    rows = {spec.name: data[spec.name].astype(spec.dtype, copy=False) for spec in target.inputs}
    answers = predict(predictor, rows, output).astype(np.float64)
    if not are_probabilities(answers):
        return answers
    with np.errstate(divide="ignore"):
        return np.log(answers)


def open_reference(target: SourceModel) -> tuple[Predictor, str]:
    """Open the reference where it runs, and tell the name of the output that holds its logits or probabilities."""
    if target.module is not None:
        names = [spec.name for spec in target.inputs]
        return PyTorchPredictor(target.path, target.module, names, [target.output, *target.dropped]), target.output
    model = target.to_onnx(None)
    output = value_named(model, target.output)
    if output is None:
        raise AssertionError(f"the ONNX model has no {target.output}")
    logits = behind(output).value
    model.graph.outputs[:] = [logits]
    return predictor_of(model), logits.name or ""
