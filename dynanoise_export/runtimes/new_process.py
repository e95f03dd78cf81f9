"""Ask a model in a process of its own, as another replica would.

The process imports this module, so it imports little.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Arrays, predict


def predict_in_new_process(path: Path, inputs: Arrays, output: str) -> npt.NDArray[np.generic]:
    """Open an ONNX file in a process that starts from nothing, not as a copy of this one, and answer all rows there.

    Raises:
        UserError: the runtime can't open or run the model.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_predict, path, dict(inputs), output).result()


def _predict(path: Path, inputs: Arrays, output: str) -> npt.NDArray[np.generic]:
    return predict(OnnxRuntimePredictor(path), inputs, output)
