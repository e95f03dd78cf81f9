"""What the checks of one run share."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.probabilities import log_probabilities
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.types import Arrays, Float64s, Floats
from dynanoise_export.validation.movement import Movement, Way
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
        execution: how ONNX Runtime runs graphs.
        floor: the probability below which the reference, which gives probabilities, does not show a class's logit;
            None if it shows all logits.
        confirmed: whether the reference's own answers are the softmax of `expected`.
        reference_batch: the size of the reference's batch, if its file fixes it; None if it is dynamic.
        movement: how far the logits of the graph move; None if that is not known.
    """

    model: DeployedModel
    defence: Defence
    classes: int
    rows: Arrays
    expected: Float64s
    tolerance: Tolerance
    execution: Execution
    floor: float | None = None
    confirmed: bool = False
    reference_batch: int | None = None
    movement: Movement | None = None

    @property
    def batch(self) -> int | None:
        """The size of the model's batch, if it is fixed; None if it is dynamic."""
        return fixed_batch(self.model.inputs)

    @property
    def guarded(self) -> Arrays:
        """The rows in the domain of the guard that the model states."""
        return self.rows if self.model.guard is None else self.model.guard.apply(self.rows)

    def logits_move(self, *ways: Way) -> float:
        """Give how far logits may move in these ways, or in all; 0 if they do not, or if it is not known."""
        return 0.0 if self.movement is None else self.movement.distance(*ways)

    @property
    def seen(self) -> Tolerance:
        """The tolerance, or how far logits were seen to move if that is farther, which is judged by itself."""
        return Tolerance(max(self.tolerance.atol, self.logits_move()), self.tolerance.rtol)

    def same_again(self, *ways: Way, least: float = 0.0) -> float:
        """Give how far an answer to the same query may differ: by `least`, unless its logits move in these ways."""
        return max(least, self.seen.of_answers(self.defence)) if self.logits_move(*ways) else least

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
