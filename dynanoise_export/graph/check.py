"""Check that a file is a well-formed ONNX model, and that it runs."""

from pathlib import Path

import numpy as np
import onnx

from dynanoise_export.distributions import are_probabilities
from dynanoise_export.errors import UserError, first_line
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.targets.inputs import Arrays


def check_form(path: Path, *, full: bool = True) -> None:
    """Run ONNX's own checker; the weights are not read.

    Args:
        path: of the file.
        full: with shape inference, which must agree with what the file declares.

    Raises:
        UserError: the checker objects.
    """
    try:
        onnx.checker.check_model(path, full_check=full)
    except Exception as error:  # beside its own, whatever a parser of foreign bytes can raise
        raise UserError(f"{path.name} does not pass ONNX's checker: {first_line(error)}") from error


def check_answer(path: Path, inputs: Arrays, output: str) -> None:
    """Open the file in ONNX Runtime and ask it once: it must answer with probabilities.

    Raises:
        UserError: it does not open, does not run, or answers with something else.
    """
    answer = np.asarray(OnnxRuntimePredictor(path, light=True).run(inputs)[output])
    if not are_probabilities(answer):
        raise UserError(
            "The exported model answers made-up inputs with NaN or with rows that do not sum to 1: "
            "give it real rows with --example rows.npz."
        )
