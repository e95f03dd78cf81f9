"""Targeted perturbation: answers that look like a member's are moved until they look like a non-member's.

A risk evaluator judges three features of an answer: its largest probability, its entropy, and how far it is from the
model's average answer with the same label. Above the threshold, a few projected gradient steps move the logits towards
the threshold, by at most the strength for each logit, and the label stays. Below it an answer leaves as it is.

What the note has and a graph can't hold: whether the prediction is correct, a fourth feature, is not known when a query
is answered; and no query sees the others, so the strength can't follow patterns of queries: it is a parameter. The step
is proportional to the gradient, so logits that matter more to the evaluator move more, as the note asks.

An attacker who knows the evaluator finds nothing above the threshold, and asks other queries about the same row.

Source: "Crafting Privacy-Preserving Adversarial Examples: A Defense Against Membership Inference" (ACL 2025), sections
on the risk evaluator and the perturbation generator.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir
from scipy.special import softmax, xlogy

from dynanoise_export.defences.base import SearchRange, require_between, require_whole
from dynanoise_export.defences.evaluator import TENSORS, Evaluator, fit_evaluator, require_evaluator
from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.defences.keep_label import BELOW
from dynanoise_export.defences.masking import may_swap
from dynanoise_export.defences.membership_evidence import labelled_answers
from dynanoise_export.defences.one_way import OneWayDefence
from dynanoise_export.defences.perturbing import by_logits, log_probabilities_above_floor, newton_step, shares
from dynanoise_export.defences.tensor_shapes import require_classes, require_shape
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Float64s, Floats, Int64s

FEATURES = 3
MOST_STEPS = 50
LARGEST_STRENGTH = 100.0
# The first step may use up the strength twice as fast as the number of steps needs, and later ones less. The largest of
# the moves is at most half of their sum, because they cancel.
HASTE = 4.0
# The logarithm of a smaller probability is not needed: it weighs nothing.
SMALLEST_LOGGED = 1e-35


@dataclass(frozen=True)
class Targeted(OneWayDefence):
    """Answers below a threshold of membership risk, as far as a strength allows.

    Attributes:
        hidden_weights: of the risk evaluator, as its other three tensors; see `Evaluator`.
        hidden_bias: see `Evaluator`.
        output_weights: see `Evaluator`.
        output_bias: see `Evaluator`.
        averages: float32 [k, k], for each label the model's average answer.
        threshold: τ, the risk above which an answer is moved.
        strength: how far a logit may move, in logits.
        steps: of the gradient; a whole number.

    Raises:
        UsageError: a value is out of bounds, or the tensors are no evaluator.
    """

    hidden_weights: FixedTensor
    hidden_bias: FixedTensor
    output_weights: FixedTensor
    output_bias: FixedTensor
    averages: FixedTensor
    threshold: float = 0.5
    strength: float = 5.0
    steps: float = 5.0

    name = "targeted"
    function_name = "Targeted"
    takes_noise = False
    tensor_names = (*TENSORS, "averages")

    def __post_init__(self) -> None:
        require_between("threshold", self.threshold, 0.01, 0.99)
        require_between("strength", self.strength, 1e-3, LARGEST_STRENGTH)
        require_between("steps", self.steps, 1, MOST_STEPS)
        require_whole("steps", self.steps)
        require_evaluator(self.tensors, FEATURES)
        classes = self.averages.shape[-1] if self.averages.shape else None
        require_shape("averages", self.averages, classes, classes)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"threshold": SearchRange(0.2, 0.8), "strength": SearchRange(0.1, 20, log=True)}

    @classmethod
    def fit(cls, data: FittingData, parameters: Mapping[str, object]) -> Self:
        """Train the evaluator on shadow models' answers if there are any, else on the model's own.

        Raises:
            UserError: a parameter or the data can't be used.
        """
        logits, member = labelled_answers(data)
        p = softmax(logits, axis=1)
        label = p.argmax(axis=1)
        features = _features(p, label[:, None], average_answers(p)[label])
        tensors = fit_evaluator(features, member, data.generator()).tensors()
        own = average_answers(softmax(data.logits.astype(np.float64), axis=1))
        return cls.from_parameters(parameters, tensors | {"averages": FixedTensor.of(own)})

    @property
    def lipschitz(self) -> float:
        """At most 10 in trials, with room: the average answer is another kink for the evaluator."""
        return 20.0

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where the label may change, and with it the average that an answer is compared with."""
        return np.asarray(np.where(may_swap(logits, moved, 1), 1.0, 0.0))

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes.

        Raises:
            UsageError: the averages are of a model with another number of classes.
        """
        require_classes("averages", self.averages, classes)
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        from dynanoise_export.defences import targeted_onnx

        return targeted_onnx.function(self.function_name, opset, int(self.steps))

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Move the logits of risky answers step by step; the noise is ignored."""
        label = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).argmax(axis=1)[:, None]
        start, evaluator = log_probabilities_above_floor(logits), Evaluator.of(self.tensors)
        p, averages = softmax(start, axis=1), self.averages.array.astype(start.dtype)[label[:, 0]]
        risky = evaluator.log_odds(_features(p, label, averages)) > self._goal
        moved = start
        for share in shares(int(self.steps)):
            most = share * HASTE * self.strength / self.steps
            move = self._move(moved, label, averages, evaluator, most)
            bounded = np.clip(moved + move * risky, start - self.strength, start + self.strength)
            moved = np.minimum(bounded, np.take_along_axis(bounded, label, axis=1))
        answers = softmax(moved, axis=1)
        own = np.take_along_axis(answers, label, axis=1)
        kept = np.minimum(answers, own * BELOW)
        np.put_along_axis(kept, label, own, axis=1)
        return np.asarray(kept)

    @property
    def _goal(self) -> float:
        return math.log(self.threshold / (1 - self.threshold))

    def _move(self, logits: Floats, label: Int64s, averages: Floats, evaluator: Evaluator, most: float) -> Floats:
        p = softmax(logits, axis=1)
        log_odds, by_feature = evaluator.with_gradient(_features(p, label, averages))
        by_top, by_entropy, by_distance = np.split(by_feature, FEATURES, axis=1)
        # −Σ p log p / log k by pᵢ is −log pᵢ / log k, up to what is the same for all classes.
        by_p = by_distance * 2 * (p - averages)
        by_p -= by_entropy * np.log(np.maximum(p, SMALLEST_LOGGED)) / math.log(p.shape[1])
        at_label = np.take_along_axis(by_p, label, axis=1) + by_top
        np.put_along_axis(by_p, label, at_label, axis=1)
        return newton_step(by_logits(p, by_p, at_label), log_odds - self._goal, most)


def average_answers(probabilities: Floats) -> Floats:
    """Average answers [n, k] by their label: [k, k]; a label without answers gets equal probabilities."""
    classes = probabilities.shape[1]
    label = probabilities.argmax(axis=1)
    averages = np.full((classes, classes), 1 / classes)
    for one in np.unique(label):
        averages[one] = probabilities[label == one].mean(axis=0)
    return averages


def _features(p: Floats, label: Int64s, averages: Floats) -> Floats:
    """Measure answers: the label's probability, the entropy over log k, the squared distance from the average.

    Args:
        p: [n, k].
        label: [n, 1].
        averages: [n, k], of answers with the same label.

    Returns:
        [n, 3].
    """
    top = np.take_along_axis(p, label, axis=1)
    entropy = -xlogy(p, p).sum(axis=1, keepdims=True) / math.log(p.shape[1])
    distance = ((p - averages) ** 2).sum(axis=1, keepdims=True)
    return np.concatenate([top, entropy, distance], axis=1)
