"""Run a graph that is not on disk."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from dynanoise_export.graph.files import write_model
from dynanoise_export.parameters import Provider
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor


def predictor_of(
    model: ir.Model, provider: Provider = Provider.CPU, threads: int | None = None
) -> OnnxRuntimePredictor:
    """Open a graph in ONNX Runtime, through a file, for bytes end at 2 GiB.

    Raises:
        UserError: the runtime can't open it.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_model(model, path)
        return OnnxRuntimePredictor(path, provider=provider, threads=threads)
