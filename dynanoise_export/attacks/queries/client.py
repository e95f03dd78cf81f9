"""A client of a model: it sends rows and gets log-probabilities, and sees nothing else."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from dynanoise_export.deployed.feeding import fed, filled, fixed_batch
from dynanoise_export.errors import UserError
from dynanoise_export.probabilities import distributed
from dynanoise_export.runtimes.predictor import ROWS_AT_ONCE, Arrays, Predictor, rows_of
from dynanoise_export.sources.inputs import TensorSpec

Floats = npt.NDArray[np.float32]

# A probability of 0 is one that float32 has no smaller number for.
SMALLEST = np.finfo(np.float32).tiny


class Client:
    """Somebody who asks a model.

    Args:
        name: of the model, for messages.
        predictor: the model, where it runs.
        output: the name of its answers.
        inputs: what a client sends.
        noise: the input that the server, and no client, feeds with standard normals; or None.
        defended: whether the answers have to be probabilities; an undefended model may give logits.
    """

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        output: str,
        inputs: Sequence[TensorSpec],
        noise: TensorSpec | None = None,
        *,
        defended: bool,
    ) -> None:
        self.name, self._predictor, self._output = name, predictor, output
        self._noise, self._defended = noise, defended
        self._fixed = fixed_batch(inputs)

    @property
    def batch(self) -> int:
        """How many rows to send at once."""
        return self._fixed or ROWS_AT_ONCE

    def ask(self, rows: Arrays) -> Floats:
        """Send at most `batch` rows and give what comes back as log-probabilities [b, k].

        Raises:
            UserError: the model does not take the rows, or its answers are no probabilities.
        """
        count = rows_of(rows)
        sent = fed(self.name, {name: filled(array, self._fixed) for name, array in rows.items()}, self._noise)
        answers = np.asarray(self._predictor.run(sent)[self._output])[:count]
        if answers.ndim != 2 or len(answers) != count or answers.shape[1] < 2:
            raise UserError(
                f"{self.name} is no classifier: it answers {count} rows with an array of shape {list(answers.shape)}."
            )
        return self._log_probabilities(answers.astype(np.float32))

    def _log_probabilities(self, answers: Floats) -> Floats:
        sound = distributed(answers)
        if sound.all():
            return np.log(np.maximum(answers, SMALLEST))
        if not self._defended and np.isfinite(answers).all():
            return np.asarray(log_softmax(answers, axis=1), dtype=np.float32)
        raise UserError(
            f"{self.name} gives answers that are no probabilities: {(~sound).sum()} of {len(sound)} rows of a batch. "
            "dynanoise-export validate says more."
        )
