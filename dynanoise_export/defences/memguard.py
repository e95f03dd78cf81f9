"""MemGuard: an answer is moved until an attack classifier can't tell whether its row was a member.

The paper solves an optimisation for each query; a graph takes a fixed number of gradient steps. They lead to where the
classifier gives even odds, and keep the order of the classes. The paper keeps the label alone, and draws a coin: with a
probability that bounds the mean distortion, the client gets the moved answer, else the true one. Here the answer is
what the coin gives on average. That bounds the distortion of every answer, never shows a true answer that should have
moved, and needs no noise.

It hides members from this classifier, and from attackers who look at an answer as it does. It does not hide what other
queries about the same row show, or what another classifier sees in the same answer.

Source: Jia et al., "MemGuard" (CCS 2019), sections 4.2 and 4.3. The paper's classifier has three hidden layers and sees
all probabilities; this one has one, and sees the ten largest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir
from scipy.special import softmax

from dynanoise_export.defences.base import SearchRange, require_between, require_whole
from dynanoise_export.defences.evaluator import TENSORS, Evaluator, fit_evaluator, require_evaluator
from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.defences.membership_evidence import labelled_answers
from dynanoise_export.defences.one_way import OneWayDefence
from dynanoise_export.defences.perturbing import by_logits, log_probabilities_above_floor, newton_step, shares
from dynanoise_export.defences.ranks import given_out, mixed, ordered_jump, ranking
from dynanoise_export.errors import UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Float64s, Floats

# How many of the largest probabilities the classifier sees.
SEEN = 10
MOST_STEPS = 50
# No two answers are farther apart than this, in the sum of absolute differences.
FARTHEST = 2.0


@dataclass(frozen=True)
class MemGuard(OneWayDefence):
    """Answers that an attack classifier gives even odds.

    Attributes:
        hidden_weights: of the classifier, as its other three tensors; see `Evaluator`.
        hidden_bias: see `Evaluator`.
        output_weights: see `Evaluator`.
        output_bias: see `Evaluator`.
        steps: of the gradient; a whole number.
        step_size: how far the logits of a query move in the first step, in all, at most; in logits. The limit of later
            steps shrinks to nothing.
        budget: ε, the most that an answer may differ from the true one, in the sum of absolute differences.

    Raises:
        UsageError: a value is out of bounds, or the tensors are no classifier.
    """

    hidden_weights: FixedTensor
    hidden_bias: FixedTensor
    output_weights: FixedTensor
    output_bias: FixedTensor
    steps: float = 10.0
    step_size: float = 2.0
    budget: float = 1.0

    name = "memguard"
    function_name = "MemGuard"
    takes_noise = False
    tensor_names = TENSORS

    def __post_init__(self) -> None:
        require_between("steps", self.steps, 1, MOST_STEPS)
        require_whole("steps", self.steps)
        require_between("step_size", self.step_size, 1e-3, 100)
        require_between("budget", self.budget, 1e-3, FARTHEST)
        require_evaluator(self.tensors, self._seen)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"step_size": SearchRange(0.1, 10, log=True), "budget": SearchRange(0.01, FARTHEST, log=True)}

    @classmethod
    def fit(cls, data: FittingData, parameters: Mapping[str, object]) -> Self:
        """Train the classifier on shadow models' answers if there are any, else on the model's own.

        Raises:
            UserError: a parameter or the data can't be used.
        """
        logits, member = labelled_answers(data)
        seen = -np.sort(-softmax(logits, axis=1), axis=1)[:, :SEEN]
        return cls.from_parameters(parameters, fit_evaluator(seen, member, data.generator()).tensors())

    @property
    def lipschitz(self) -> float:
        """At most 2 in trials, with room: the steps end on a surface, and hardly depend on their start."""
        return 4.0

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where neighbours in the order may change places: they swap their probabilities."""
        return ordered_jump(self.defend(logits, np.zeros_like(logits)), logits, moved)

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes.

        Raises:
            UsageError: the classifier is of a model with another number of classes.
        """
        if self._seen != min(SEEN, classes):
            raise UsageError(f"The classifier sees {self._seen} probabilities, which does not fit {classes} classes.")
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        from dynanoise_export.defences import memguard_onnx

        return memguard_onnx.function(self.function_name, opset, int(self.steps))

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Move the sorted logits, mix with the true answer, and give it out; the noise is ignored."""
        order = ranking(logits)
        log_p = log_probabilities_above_floor(logits)
        start = np.take_along_axis(log_p, order, axis=1)
        evaluator, moved = Evaluator.of(self.tensors), start
        for share in shares(int(self.steps)):
            moved = self._step(moved, evaluator, share * self.step_size)
        return given_out(mixed(softmax(start, axis=1), softmax(moved, axis=1), self.budget), order)

    @property
    def _seen(self) -> int:
        return self.hidden_weights.shape[0] if self.hidden_weights.shape else 0

    def _step(self, logits: Floats, evaluator: Evaluator, most: float) -> Floats:
        p = softmax(logits, axis=1)
        log_odds, by_seen = evaluator.with_gradient(p[:, : self._seen])
        by_p = np.zeros_like(p)
        by_p[:, : self._seen] = by_seen
        moved = logits + newton_step(by_logits(p, by_p, by_p[:, :1]), log_odds, most)
        # The order stays: a class that would overtake its neighbour comes up beside it.
        gaps = np.maximum(moved[:, :-1] - moved[:, 1:], 0)
        return np.concatenate([np.zeros_like(p[:, :1]), -np.cumsum(gaps, axis=1)], axis=1)
