"""Shadow models that the user's own training code trains, one at a time."""

import time
from dataclasses import dataclass

import numpy as np

from dynanoise_export.bundles import load_bundle
from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.types import Int64s
from dynanoise_models.shadows.job import Job, Trained
from dynanoise_models.shadows.labelled_rows import labels_of_rows
from dynanoise_models.shadows.returned_models import Answered, answers_of, given_rows
from dynanoise_models.shadows.user_function import UserFunction


@dataclass(frozen=True)
class FunctionRecipe:
    """How the user's function trains shadow models.

    Attributes:
        function: from rows, labels and a seed to a model.
        inputs: the names of the inputs in the bundle.
        binary: a model has one score, for the second of two classes.
    """

    function: UserFunction
    inputs: tuple[str, ...]
    binary: bool

    def train(self, job: Job) -> Trained:
        """Train one model.

        Raises:
            UserError: the function raises an error, or returns something that is not a classifier of the rows.
        """
        bundle = load_bundle(job.bundle, list(self.inputs))
        y = labels_of_rows(bundle)
        own = np.flatnonzero(job.in_training()[0])
        rows = given_rows({name: np.array(array[own]) for name, array in bundle.inputs.items()})
        (seed,) = job.seeds
        with self.function.imported() as train:
            start = time.perf_counter()
            returned = self.function.run(lambda: train(rows, y[own], seed))
            seconds = time.perf_counter() - start
            answered = answers_of(returned, self.function, bundle.inputs, job, binary=self.binary)
        self._require_classes(answered, y)
        logits = answered.logits.astype(np.float32)[None]
        if answered.write is None:
            reason = f"{self.function.name} returns a callable, and not a module or a file"
            return Trained(logits, y, seconds, unkept=reason)
        return Trained(logits, y, seconds, [answered.write])

    def _require_classes(self, answered: Answered, y: Int64s) -> None:
        classes = answered.logits.shape[1]
        if classes <= y.max():
            raise UnsupportedModelError(
                f"A model of {self.function.name} has {classes} scores for each row, but the labels go up to "
                f"{y.max()}: give a score for each class, even for one that is missing in the rows of a model."
            )
