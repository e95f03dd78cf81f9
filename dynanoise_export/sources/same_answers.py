"""Compare a converted model with the module that it was made from: a conversion may succeed and be wrong."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.pytorch import run_module
from dynanoise_export.sources.naming import naming
from dynanoise_export.types import Array, Arrays, TensorSpec

# How far scores may lie apart, as a share of the largest score (or of 1, if that is larger). Runtimes that add in
# another order differ by 1e-6 to 1e-4; a size that the conversion fixed changes scores by far more. Scores with 8 to 11
# bits differ more.
TOLERANCE, HALF_TOLERANCE = 1e-3, 5e-2


def require_same_answers(
    path: Path, module: torch.nn.Module, model: ir.Model, specs: Sequence[TensorSpec], example: Arrays, output: str
) -> None:
    """Run a converted model and its module on the example and on rows of other sizes.

    Sizes that the module itself does not take are left out.

    Args:
        path: of the user's file, for messages.
        module: the original.
        model: what it was converted to.
        specs: the inputs; axes with a name may have any size.
        example: values for the inputs.
        output: the name of the output to compare.

    Raises:
        UserError: the converted model answers differently, or does not run.
    """
    with naming(path):
        sizes = _sizes_of_difference(path, module, model, specs, example, output)
    if sizes is not None:
        raise UnsupportedModelError(
            f"PyTorch exports {path} wrongly: the ONNX model answers differently from the module on inputs of {sizes}."
        )


def _sizes_of_difference(
    path: Path, module: torch.nn.Module, model: ir.Model, specs: Sequence[TensorSpec], example: Arrays, output: str
) -> str | None:
    with open_graph(model, light=True) as predictor:
        for inputs in _trials(specs, example):
            try:
                expected = run_module(path, module, inputs)[output]
            except FailedRunError:
                continue
            if not _agree(np.asarray(predictor.run(inputs)[output]), expected):
                return ", ".join(f"{name} {list(array.shape)}" for name, array in inputs.items())
    return None


def _trials(specs: Sequence[TensorSpec], example: Arrays) -> Iterator[Arrays]:
    """Give the example; then one more of every size, with the signs of floats changed; then one less."""
    for step in (0, 1, -1):
        sign = -1 if step == 1 else 1  # code may branch on signs
        yield {spec.name: _resized(example[spec.name], spec, step, sign) for spec in specs}


def _resized(array: Array, spec: TensorSpec, step: int, sign: int) -> Array:
    """Repeat or leave out entries along the axes that have a name, so that all values stay valid."""
    for axis, size in enumerate(spec.shape):
        if isinstance(size, str):
            old = array.shape[axis]
            array = np.take(array, np.arange(max(1, old + step)) % old, axis=axis)
    return np.multiply(array, sign, dtype=array.dtype) if array.dtype.kind == "f" else array


def _agree(answers: Array, expected: torch.Tensor) -> bool:
    """Whether scores are equal but for rounding, where the expected ones are finite."""
    tolerance = HALF_TOLERANCE if expected.dtype in (torch.float16, torch.bfloat16) else TOLERANCE
    scores = expected.double().numpy(force=True)
    if answers.shape != scores.shape:
        return False
    finite = np.isfinite(scores)
    limit = tolerance * max(1.0, np.abs(scores[finite]).max(initial=0))
    return bool(np.all(np.abs(answers[finite] - scores[finite]) <= limit))
