"""What the checks of one run share."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.probabilities import log_probabilities
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.types import Arrays, Float64s, Floats
from dynanoise_export.validation.tolerance import Tolerance


@dataclass(frozen=True)
class Case:
    """A model, the defence that it is judged by, and n queries with the reference's logits.

    Attributes:
        model: where it is deployed.
        defence: what its answers must follow.
        classes: k.
        rows: n rows for each of the model's inputs, without noise.
        expected: [n, k], the reference's logits for the guarded rows.
        tolerance: how far the model's logits may differ from them.
        provider: what ONNX Runtime runs graphs on.
        floor: the probability below which the reference, which gives probabilities, does not show a class's logit;
            None if it shows all logits.
        confirmed: whether the reference's own answers are the softmax of `expected`.
        reference_batch: the size of the reference's batch, if its file fixes it; None if it is dynamic.
    """

    model: DeployedModel
    defence: Defence
    classes: int
    rows: Arrays
    expected: Float64s
    tolerance: Tolerance
    provider: Provider
    floor: float | None = None
    confirmed: bool = False
    reference_batch: int | None = None

    @property
    def batch(self) -> int | None:
        """The size of the model's batch, if it is fixed; None if it is dynamic."""
        return fixed_batch(self.model.inputs)

    @property
    def guarded(self) -> Arrays:
        """The rows in the domain of the guard that the model states."""
        return self.rows if self.model.guard is None else self.model.guard.apply(self.rows)

    def completed(self, logits: Floats) -> "Case":
        """Give the same case with the graph's own logits [n, k] where the reference does not show them."""
        if self.floor is None or logits.shape != self.expected.shape:
            return self
        least, own = np.log(self.floor), log_probabilities(logits)
        expected = np.where(self.expected <= least, np.minimum(own, least), self.expected)
        return dataclasses.replace(self, expected=expected)

    def first(self, count: int) -> "Case":
        """Give the same case with its first `count` rows only."""
        rows = {name: array[:count] for name, array in self.rows.items()}
        return dataclasses.replace(self, rows=rows, expected=self.expected[:count])
