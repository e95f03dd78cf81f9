"""Ask a model in a process of its own, as another replica would.

The process imports this module, so it imports little.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt

from dynanoise_export.runtimes.predictor import Arrays, Endpoint, predict


def predict_in_new_process(place: Endpoint, inputs: Arrays, output: str) -> npt.NDArray[np.generic]:
    """Open a model in a process that starts from nothing, not as a copy of this one, and answer all rows there.

    Raises:
        UserError: the model can't be opened or run.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_predict, place, dict(inputs), output).result()


def _predict(place: Endpoint, inputs: Arrays, output: str) -> npt.NDArray[np.generic]:
    return predict(place.open(), inputs, output)
