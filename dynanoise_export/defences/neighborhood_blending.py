"""Neighborhood Blending: an answer is mixed with the model's answers to training rows that got nearly the same answer.

The paper finds the neighbours of a query among the training rows with the same predicted label, by their inputs, and an
exponential mechanism picks some of them. The defence of a graph sees logits and no inputs, so here nearness is that of
answers. The noise is the mechanism's: with keyed noise a query has the same neighbours each time.

**The file holds answers to training rows**, about 1,000 of them. Whoever can read the file learns what the model
answers to these rows, though not the rows themselves, and clients get averages of such answers.

Source: "Neighborhood Blending" (arXiv 2602.12943). Ours are the distance, which is the sum of absolute differences of
probabilities; the weights of the neighbours, by how far each is ahead of the first that is left out, which make answers
continuous; and a table of quantiles for the mechanism's noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir
from scipy.special import softmax

from dynanoise_export.defences.base import SearchRange, require_between, require_whole
from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.defences.keep_label import BELOW
from dynanoise_export.defences.masking import may_swap
from dynanoise_export.defences.noise_numbers import noise_numbers
from dynanoise_export.defences.one_way import OneWayDefence
from dynanoise_export.defences.tensor_shapes import require_classes, require_shape
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Float32s, Float64s, Floats, Int64s

# How many answers a bank has, for all labels together; each label has two at least.
MOST_ANSWERS, FEWEST_OF_A_LABEL = 1000, 2
# A prime, and the largest that float32 holds with all smaller whole numbers.
PRIME = 16_777_213
# The noise of the mechanism has so many values, the quantiles of Gumbel's law.
QUANTILES = 1021
GUMBEL: Float32s = -np.log(-np.log((np.arange(QUANTILES) + 0.5) / QUANTILES)).astype(np.float32)
# No two answers are farther apart than this.
FARTHEST = 2.0
LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class NeighborhoodBlending(OneWayDefence):
    """Answers mixed with those of near training rows of the same label.

    Attributes:
        bank: float32 [k, r, k], for each label r answers to training rows that have it.
        hashing: float32 [2, r], whole numbers that spread the noise over the r rows.
        neighbours: how many rows an answer is mixed with, at most; a whole number. Less than r of them count.
        blend: the share of the neighbours in an answer.
        epsilon: ε of the exponential mechanism: the larger, the nearer are the rows that it picks.

    Raises:
        UsageError: a value is out of bounds, or a tensor is not of this form.
    """

    bank: FixedTensor
    hashing: FixedTensor
    neighbours: float = 8.0
    blend: float = 0.5
    epsilon: float = 10.0

    name = "neighborhood-blending"
    function_name = "NeighborhoodBlending"
    adds_noise = False
    tensor_names = ("bank", "hashing")

    def __post_init__(self) -> None:
        require_between("neighbours", self.neighbours, 1, MOST_ANSWERS)
        require_whole("neighbours", self.neighbours)
        require_between("blend", self.blend, 0, 1, open_low=True)
        require_between("epsilon", self.epsilon, 0, 1000)
        classes = self.bank.shape[-1] if self.bank.shape else None
        require_shape("bank", self.bank, classes, None, classes)
        require_shape("hashing", self.hashing, 2, self.bank.shape[1])
        self._require_answers()

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {
            "neighbours": SearchRange(1, 16, whole=True),
            "blend": SearchRange(0.05, 1),
            "epsilon": SearchRange(0.1, 100, log=True),
        }

    @classmethod
    def fit(cls, data: FittingData, parameters: Mapping[str, object]) -> Self:
        """Take answers to members, as many for each label that the model gives them.

        Raises:
            UserError: a parameter can't be used, or there are no members.
        """
        answers = softmax(data.logits[data.member].astype(np.float64), axis=1)
        if not len(answers):
            raise DataError("Fitting neighborhood-blending needs members among the rows.")
        generator = data.generator()
        count = max(FEWEST_OF_A_LABEL, MOST_ANSWERS // data.classes)
        label = answers.argmax(axis=1)
        own = [_of_label(answers, label, one, count, generator) for one in range(data.classes)]
        hashing = generator.integers(1, PRIME, size=(2, count))
        return cls.from_parameters(parameters, {"bank": FixedTensor.of(own), "hashing": FixedTensor.of(hashing)})

    @property
    def lipschitz(self) -> float:
        """The weights move with the distances, the faster the larger ε is."""
        return 1 + 2 * self.blend * self.epsilon

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where the label may change, and with it the rows that an answer is mixed with."""
        return np.asarray(np.where(may_swap(logits, moved, 1), 1.0, 0.0))

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes.

        Raises:
            UsageError: the bank is of a model with another number of classes.
        """
        require_classes("bank", self.bank, classes)
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        from dynanoise_export.defences import neighborhood_blending_onnx

        return neighborhood_blending_onnx.function(opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Pick neighbours of the same label by distance and noise, and mix; the label stays."""
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        label, p = z.argmax(axis=1)[:, None], softmax(z, axis=1)
        rows = self.bank.array.astype(p.dtype)[label[:, 0]]
        distance = np.abs(p[:, None] - rows).sum(axis=2)
        scores = GUMBEL[self._hashed(noise)] - self.epsilon / (2 * FARTHEST) * distance
        left_out = -np.sort(-scores, axis=1)[:, [min(int(self.neighbours), rows.shape[1] - 1)]]
        weights = np.maximum(scores - left_out, 0)[:, :, None]
        average = (weights * rows).sum(axis=1) / np.maximum(weights.sum(axis=1), LEAST_WEIGHT)
        answers = p + self.blend * (average - p)
        own = np.take_along_axis(answers, label, axis=1)
        kept = np.minimum(answers, own * BELOW)
        np.put_along_axis(kept, label, own, axis=1)
        return np.asarray(kept)

    def _hashed(self, noise: Floats) -> Int64s:
        """Spread the noise of each query over the rows: int64 [n, r], places in the table."""
        factor, shift = self.hashing.array.astype(np.int64)
        return np.asarray((noise_numbers(noise) * factor + shift) % PRIME % QUANTILES)

    def _require_answers(self) -> None:
        rows = self.bank.array.astype(np.float64)
        sums, labels = np.abs(rows.sum(axis=2) - 1).max(), rows.argmax(axis=2)
        if rows.min() < 0 or sums > 1e-4 or (labels != np.arange(len(rows))[:, None]).any():
            raise UsageError("The tensor 'bank' must hold probabilities whose largest is at the label of their row.")
        numbers = self.hashing.array
        if rows.shape[1] < FEWEST_OF_A_LABEL or (numbers != np.round(numbers)).any() or not (
            1 <= numbers.min() <= numbers.max() < PRIME
        ):  # fmt: skip
            raise UsageError(f"The tensor 'hashing' must hold whole numbers below {PRIME} for two rows or more.")


def _of_label(answers: Float64s, label: Int64s, one: int, count: int, generator: np.random.Generator) -> Float64s:
    """Choose answers with one label, some of them twice if there are too few."""
    own = answers[label == one]
    if not len(own):  # nobody has it: an average answer, with its largest probability at the label
        average = np.sort(answers, axis=1).mean(axis=0)
        own = np.insert(average[:-1], one, average[-1])[None]
    chosen = generator.permutation(np.arange(max(count, len(own))) % len(own))[:count]
    others = np.minimum(own[chosen], own[chosen][:, [one]] * BELOW)
    others[:, one] = own[chosen, one]
    return np.asarray(others)
