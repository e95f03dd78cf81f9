"""Query a model in a process of its own, as another replica would.

The process imports this module, so it imports little.
"""

from joblib.externals.loky import ProcessPoolExecutor

from dynanoise_export.runtimes.clean_path import clean_path
from dynanoise_export.runtimes.predictor import Endpoint, predict
from dynanoise_export.types import Array, Arrays


def predict_in_new_process(endpoint: Endpoint, inputs: Arrays, output: str) -> Array:
    """Open a model in a process that starts from nothing, not as a copy of this one, and answer all rows there.

    Raises:
        UserError: the model can't be opened or run.
    """
    # Python's own pool would run the user's script again, unless it guards its code with `__name__ == "__main__"`.
    with clean_path(), ProcessPoolExecutor(1) as pool:
        answers: Array = pool.submit(_predict, endpoint, dict(inputs), output).result()
    return answers


def _predict(endpoint: Endpoint, inputs: Arrays, output: str) -> Array:
    with endpoint.open() as predictor:
        return predict(predictor, inputs, output)
