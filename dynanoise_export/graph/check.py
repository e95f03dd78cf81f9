"""Check that a file is a well-formed ONNX model, and that it runs."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.graph.external_data import external_weights
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.inputs import Arrays


def check_graph(path: Path, model: ir.Model) -> None:
    """Run ONNX's own checker on a graph as it was read, whatever its weights lie in.

    Raises:
        UserError: the checker objects.
    """
    copy = model.clone()
    external = [value for value, _ in external_weights(copy)]
    if not all(copy.graph.initializers.get(value.name or "") is value for value in external):
        return  # such weights within a branch: the finished file is checked all the same
    for value in external:  # to the checker they are inputs, for it takes none that lie elsewhere
        copy.graph.initializers.pop(value.name or "")
        value.const_value = None
        if value not in copy.graph.inputs:
            copy.graph.inputs.append(value)
    try:
        common.CheckerPass()(copy)
    except Exception as error:  # beside its own, whatever a damaged graph can raise on the way to it
        raise UserError(f"{path} does not pass ONNX's checker: {first_line(error.__cause__ or error)}") from error


def check_form(path: Path) -> None:
    """Run ONNX's own checker on a file, with full shape inference; the weights are not read.

    Raises:
        UserError: the checker objects.
    """
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
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
