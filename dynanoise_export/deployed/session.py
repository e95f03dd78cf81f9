"""An open session of a deployed model: rows in, answers out."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.feeding import with_noise
from dynanoise_export.errors import EndpointError, ModelInputError
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.runtimes.fixed_batch import filled_up
from dynanoise_export.runtimes.predictor import BATCH_ROWS, Closing, answer, batches
from dynanoise_export.types import Array, Arrays, Float32s, TensorSpec, row_count


class Session(Closing):
    """A session of a deployed model, which answers queries; a context manager.

    Args:
        model: to open.

    Attributes:
        model: the same.

    Raises:
        UserError: it can't be opened.
    """

    def __init__(self, model: DeployedModel) -> None:
        self.model = model
        self._fixed = fixed_batch(model.inputs)
        self._classes = model.classes  # 0 until the first answer if the model does not declare it
        self._predictor = model.endpoint.open()

    @property
    def batch(self) -> int:
        """How many rows are sent to the model at once."""
        return self._fixed or BATCH_ROWS

    def predict(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> Float32s:
        """Answer any number of queries.

        A model that takes its noise as an input gets it from the operating system's generator.

        Args:
            inputs: for a model with one input an array whose first axis is the rows; else an array for each input by
                name.

        Returns:
            The answers, float32 [n, k]; probabilities if the model is defended.

        Raises:
            UserError: the inputs do not fit the model, or it can't run on them.
        """
        rows = self._rows(inputs)
        return np.concatenate([self.answer(batch) for batch in batches(rows, self.batch)])

    def answer(self, rows: Arrays) -> Float32s:
        """Answer one batch of at most `batch` rows.

        Args:
            rows: for each input of the model an array that fits it.

        Returns:
            The answers, float32 [n, k].

        Raises:
            UserError: the model can't run on the rows, or does not answer each row with k numbers, always the same k.
        """
        count, name = row_count(rows), self.model.name
        sent = {key: filled_up(array, self._fixed) for key, array in rows.items()}
        fed = with_noise(name, sent, self.model.noise_input)
        answers = answer(self._predictor, fed, self.model.answers, name, self._classes or None)
        if answers.ndim != 2:
            raise EndpointError(
                f"{name} is not a classifier: it answers {len(answers)} rows with an array of shape "
                f"{list(answers.shape)}."
            )
        if np.isnan(answers).any():
            raise EndpointError(f"{name} answers with NaN.")
        self._classes = answers.shape[1]
        return answers[:count].astype(np.float32)

    def close(self) -> None:
        """Close the session; it can't be used afterwards."""
        self._predictor.close()

    def _rows(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> Arrays:
        name, specs = self.model.name, self.model.inputs
        if not isinstance(inputs, Mapping):
            if len(specs) > 1:
                names = ", ".join(spec.name for spec in specs)
                raise ModelInputError(f"{name} has several inputs: give an array for each by its name ({names}).")
            inputs = {specs[0].name: inputs}
        if set(inputs) != {spec.name for spec in specs}:
            takes, given = (", ".join(sorted(names)) for names in ([s.name for s in specs], inputs))
            raise ModelInputError(f"{name} takes {takes}, but was given {given or 'nothing'}.")
        rows = {spec.name: self._array(spec, inputs[spec.name]) for spec in specs}
        if len({len(array) for array in rows.values()}) > 1 or not row_count(rows):
            counts = ", ".join(f"{len(array)} for {name}" for name, array in rows.items())
            raise ModelInputError(f"{name} takes the same number of rows for each input, at least one, not {counts}.")
        return rows

    def _array(self, spec: TensorSpec, given: npt.ArrayLike) -> Array:
        try:
            array = np.asarray(given).astype(spec.dtype)
        except (TypeError, ValueError) as error:
            raise ModelInputError(f"The value for the input {spec.name} is not an array of numbers.") from error
        fits = array.ndim == len(spec.shape) and all(
            size == axis or isinstance(axis, str) for size, axis in zip(array.shape[1:], spec.shape[1:], strict=True)
        )
        if not fits:
            raise ModelInputError(
                f"{self.model.name} takes {spec}, but was given an array of shape {list(array.shape)}."
            )
        return array
