"""The limit of MemGuard: every answer has the same sorted probabilities, so no classifier of them can tell members.

MemGuard moves an answer until one attack classifier can't tell. With distortion at will, and for every classifier of
the sorted probabilities at once, it ends where all answers have the same: here those of an average non-member, given
out in the order of the query's classes. A budget bounds the distortion as in `memguard`: an answer that is farther away
is mixed with the average, and then shows how far away it was.

Source: Jia et al., "MemGuard" (CCS 2019), whose constraints it keeps; the closed form is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir
from scipy.special import softmax

from dynanoise_export.defences.base import SearchRange, require_between
from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.defences.one_way import SMALLEST_PROBABILITY, OneWayDefence
from dynanoise_export.defences.perturbing import log_probabilities_above_floor
from dynanoise_export.defences.ranks import given_out, mixed, ordered_jump, ranking, sorted_answers
from dynanoise_export.defences.tensor_shapes import require_answers, require_classes, require_shape
from dynanoise_export.errors import DataError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import Float64s, Floats

# No two answers are farther apart than this, in the sum of absolute differences.
FARTHEST = 2.0


@dataclass(frozen=True)
class MemGuardLimit(OneWayDefence):
    """The average non-member's sorted probabilities, in the order of the query's classes.

    Attributes:
        reference: float32 [1, k], sorted from the largest probability down.
        budget: ε, the most that an answer may differ from the true one, in the sum of absolute differences; 2 for no
            limit.

    Raises:
        UsageError: the budget is out of bounds, or the reference is no such answer.
    """

    reference: FixedTensor
    budget: float = FARTHEST

    name = "memguard-limit"
    function_name = "MemGuardLimit"
    takes_noise = False
    tensor_names = ("reference",)

    def __post_init__(self) -> None:
        require_between("budget", self.budget, 1e-3, FARTHEST)
        require_answers("reference", self.reference, in_order=True)
        require_shape("reference", self.reference, 1, None)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"budget": SearchRange(0.01, FARTHEST, log=True)}

    @classmethod
    def fit(cls, data: FittingData, parameters: Mapping[str, object]) -> Self:
        """Average the sorted answers to the data's non-members.

        Raises:
            UserError: a parameter can't be used, or there are no non-members.
        """
        others = data.logits[~data.member].astype(np.float64)
        if not len(others):
            raise DataError("Fitting memguard-limit needs non-members among the rows.")
        sorted_rows = -np.sort(-softmax(others, axis=1), axis=1)
        average = np.maximum(sorted_rows.mean(axis=0, keepdims=True), SMALLEST_PROBABILITY)
        return cls.from_parameters(parameters, {"reference": FixedTensor.of(sorted_answers(average))})

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where neighbours in the order may change places: they swap their probabilities."""
        return ordered_jump(self.defend(logits, np.zeros_like(logits)), logits, moved)

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes.

        Raises:
            UsageError: the reference is of a model with another number of classes.
        """
        require_classes("reference", self.reference, classes)
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        from dynanoise_export.defences import memguard_onnx

        return memguard_onnx.limit_function(self.function_name, opset)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Give out the reference in the order of the logits, as near as the budget allows; the noise is ignored."""
        order = ranking(logits)
        true = softmax(np.take_along_axis(log_probabilities_above_floor(logits), order, axis=1), axis=1)
        return given_out(mixed(true, self.reference.array.astype(true.dtype), self.budget), order)
