"""Load a defended model and ask it, in Python."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.feeding import fed, filled, fixed_batch
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import Provider
from dynanoise_export.runtimes.predictor import ROWS_AT_ONCE, Arrays, batches, rows_of
from dynanoise_export.sources.inputs import TensorSpec


class LoadedModel:
    """A defended model that answers queries.

    Args:
        deployed: where it is deployed.

    Raises:
        UserError: it can't be opened there, or has no defence.
    """

    def __init__(self, deployed: DeployedModel) -> None:
        if deployed.parameters is None:
            raise UserError(f"{deployed.name} carries no defence that this tool knows: export it first.")
        self.name, self.inputs, self.classes = deployed.name, deployed.inputs, deployed.classes
        self.labels = deployed.stated.labels if deployed.stated else ()
        self._noise, self._answers = deployed.noise, deployed.answers
        self._predictor = deployed.endpoint.open()

    def predict(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.float32]:
        """Answer any number of queries.

        A model that takes its noise as an input is fed from the operating system's generator.

        Args:
            inputs: an array with the rows first, for a model with one input; an array for each input by its name.

        Returns:
            The defended probabilities, float32 [n, k].

        Raises:
            UserError: the inputs are not the model's, or it can't run on them.
        """
        rows = self._rows(inputs)
        size = fixed_batch(self.inputs)
        answered = []
        for batch in batches(rows, size or ROWS_AT_ONCE):
            sent = fed(self.name, {name: filled(array, size) for name, array in batch.items()}, self._noise)
            answered.append(np.asarray(self._predictor.run(sent)[self._answers], dtype=np.float32)[: rows_of(batch)])
        return np.concatenate(answered)

    def _rows(self, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> Arrays:
        if not isinstance(inputs, Mapping):
            if len(self.inputs) > 1:
                names = ", ".join(spec.name for spec in self.inputs)
                raise UserError(f"{self.name} has several inputs: give an array for each by its name ({names}).")
            inputs = {self.inputs[0].name: inputs}
        if set(inputs) != {spec.name for spec in self.inputs}:
            takes, given = (", ".join(sorted(names)) for names in ([s.name for s in self.inputs], inputs))
            raise UserError(f"{self.name} takes {takes}, and was given {given or 'nothing'}.")
        rows = {spec.name: self._array(spec, inputs[spec.name]) for spec in self.inputs}
        if len({len(array) for array in rows.values()}) > 1 or not rows_of(rows):
            counts = ", ".join(f"{len(array)} as {name}" for name, array in rows.items())
            raise UserError(f"{self.name} takes the same number of rows for each input, one at least, not {counts}.")
        return rows

    def _array(self, spec: TensorSpec, given: npt.ArrayLike) -> npt.NDArray[np.generic]:
        try:
            array = np.asarray(given).astype(spec.dtype)
        except (TypeError, ValueError) as error:
            raise UserError(f"What was given as {spec.name} is no array of numbers.") from error
        fits = array.ndim == len(spec.shape) and all(
            size == axis or isinstance(axis, str) for size, axis in zip(array.shape[1:], spec.shape[1:], strict=True)
        )
        if not fits:
            raise UserError(f"{self.name} takes {spec}, and was given an array of shape {list(array.shape)}.")
        return array


def load(where: str | Path, provider: str | None = None) -> LoadedModel:
    """Do what `dynanoise_export.load` says.

    Raises:
        UserError: the model can't be opened, or has no defence.
    """
    if provider is not None and provider not in list(Provider):
        raise UserError(f"{provider} is none of ONNX Runtime's providers that are known here: {', '.join(Provider)}.")
    return LoadedModel(open_deployed(where, None if provider is None else Provider(provider)))
