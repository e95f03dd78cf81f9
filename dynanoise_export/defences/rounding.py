"""Rounding: probabilities with a few decimals.

The rounded probabilities are divided by their sum, so that answers sum to 1. They are a function of what rounding
leaves and of the label, and disclose no more than these two.

Source: Shokri et al. 2017, section VIII-A ("coarsen precision of the prediction vector").
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset
from scipy.special import softmax

from dynanoise_export.defences.base import SearchRange, require_between, require_whole
from dynanoise_export.defences.keep_label import BELOW, SHARE
from dynanoise_export.defences.masking import MaskingDefence, may_swap
from dynanoise_export.onnx_functions import (
    CLASS_AXIS,
    DOMAIN,
    LARGEST,
    LARGEST_LOGIT,
    SMALLEST,
    VERSION,
    of_opset,
)
from dynanoise_export.types import Float64s, Floats

# float32 has seven digits.
MOST_DECIMALS = 6
# How far a probability in float32 may be from the exact one, as a share of it.
FLOAT32_ERROR = 1e-5
# A logit that may move so far belongs to a probability of 0, which stays.
LARGEST_SHARE = 100.0

TEN = numpy_helper.from_array(np.array(10, np.float32))
ONE_UNIT = numpy_helper.from_array(np.array(1, np.float32))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def rounding_function(logits, classes: int, decimals: float):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    # Counted in units of the last decimal. Not every runtime's power of ten is exact.
    units = op.Round(op.Pow(op.Constant(value=TEN), op.Constant(value_float=decimals)))
    rounded = op.Round(op.Mul(op.Softmax(z, axis=-1), units))
    # The label keeps the largest value, and at least one unit, so that a row is never all zeros.
    label = op.ArgMax(z, axis=1, keepdims=1)
    own = op.Max(op.GatherElements(rounded, label, axis=1), op.Constant(value=ONE_UNIT))
    others = op.Min(rounded, op.Mul(own, op.Constant(value=SHARE)))
    labelled = op.ScatterElements(others, label, own, axis=1)
    return op.Div(labelled, op.ReduceSum(labelled, op.Constant(value=CLASS_AXIS), keepdims=1))


@dataclass(frozen=True)
class Rounding(MaskingDefence):
    """Probabilities rounded to a few decimals, over their sum; the label stays.

    Attributes:
        decimals: how many decimals are left; a whole number.

    Raises:
        UsageError: it is out of bounds, or no whole number.
    """

    decimals: float = 2.0

    name = "rounding"
    function_name = "Rounding"

    def __post_init__(self) -> None:
        require_between("decimals", self.decimals, 1, MOST_DECIMALS)
        require_whole("decimals", self.decimals)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"decimals": SearchRange(1, 4, whole=True)}

    @property
    def lipschitz(self) -> float:
        """Between two edges a rounded probability does not move."""
        return 0.0

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(rounding_function, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Round the probabilities, keep the label on top, and divide by the sum; the noise is ignored."""
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        rounded = np.round(softmax(z, axis=1) * 10**self.decimals)
        label = z.argmax(axis=1, keepdims=True)
        own = np.maximum(np.take_along_axis(rounded, label, axis=1), 1)
        labelled = np.minimum(rounded, own * BELOW)
        np.put_along_axis(labelled, label, own, axis=1)
        return np.asarray(labelled / labelled.sum(axis=1, keepdims=True))

    def undo(self, log_probabilities: Floats) -> Floats:
        """Give the answer as it is, but half a unit in place of 0: what was rounded to 0 lay below that."""
        half = math.log(0.5) - self.decimals * math.log(10)
        return np.asarray(np.maximum(log_probabilities, half))

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where probabilities may be rounded the other way.

        A row of u units of which some may change by d, and d is D in all, moves by at most (d + D) / (u − D).
        """
        p = softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), axis=1)
        # A logit and the sum of all exponentials move a probability.
        share = np.minimum(moved + (p * moved).sum(axis=1, keepdims=True) + FLOAT32_ERROR, LARGEST_SHARE)
        low, exact, high = (10**self.decimals * p * factor for factor in (np.exp(-share), 1, np.exp(share)))
        rounded = np.round(exact)
        units = np.maximum(np.floor(high + 0.5) - rounded, rounded - np.ceil(low - 0.5))
        total = units.sum(axis=1)
        remaining = np.maximum(rounded.sum(axis=1) - total, 1)
        bound = np.minimum((units.max(axis=1) + total) / remaining, 1.0)
        # If everything is rounded to 0, the label has it all.
        whole = (rounded.max(axis=1) < 1) & may_swap(logits, moved, 1)
        return np.asarray(np.where(whole, 1.0, bound))
