"""Label only: the label with the same confidence for every query.

An answer says as much as the bare label. It is the baseline that any other defence must beat in usefulness, because
what leaks through the labels leaks through every defence that leaves them right.

Source: Choquette-Choo et al. 2021 attack such answers. The one confidence is ours: clients read probabilities.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.base import SearchRange, require_between
from dynanoise_export.defences.masking import MaskingDefence, may_swap
from dynanoise_export.errors import UsageError
from dynanoise_export.onnx_functions import DOMAIN, LARGEST, LARGEST_LOGIT, SMALLEST, VERSION, of_opset
from dynanoise_export.types import Float64s, Floats

ZERO_FOR_EACH = numpy_helper.from_array(np.array(0, np.float32))
WHOLE = numpy_helper.from_array(np.array(1, np.float32))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def label_only_function(logits, classes: int, confidence: float):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    label = op.ArgMax(z, axis=1, keepdims=1)
    own = op.Constant(value_float=confidence)
    one = op.Constant(value=WHOLE)
    others = op.Sub(op.Cast(op.Constant(value_int=classes), to=onnx.TensorProto.FLOAT), one)
    share = op.Div(op.Sub(one, own), others)
    # 0 · z is 0, and NaN where a logit is NaN, so that such an answer does not look like one.
    nothing = op.Mul(z, op.Constant(value=ZERO_FOR_EACH))
    confidences = op.Add(op.GatherElements(nothing, label, axis=1), own)
    return op.ScatterElements(op.Add(nothing, share), label, confidences, axis=1)


@dataclass(frozen=True)
class LabelOnly(MaskingDefence):
    """The label of the undefended model, with one confidence; the other classes share the rest equally.

    Attributes:
        confidence: of every label, above 1 / k. It is calibrated if it is the model's accuracy on rows that the model
            was not trained on.

    Raises:
        UsageError: it is out of bounds.
    """

    confidence: float = 0.9

    name = "label-only"
    function_name = "LabelOnly"

    def __post_init__(self) -> None:
        require_between("confidence", self.confidence, 0, 1, open_low=True)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"confidence": SearchRange(1.01 / classes, 0.999)}

    @property
    def lipschitz(self) -> float:
        """An answer moves only where the label changes."""
        return 0.0

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of k classes.

        Raises:
            UsageError: with this confidence another class would be the label.
        """
        self._require_above_chance(classes)
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(label_only_function, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Give the first of the largest logits the confidence, and the others equal shares; the noise is ignored.

        Raises:
            UsageError: with this confidence another class would be the label.
        """
        classes = logits.shape[1]
        self._require_above_chance(classes)
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        label = z.argmax(axis=1, keepdims=True)
        nothing = 0 * z  # NaN where a logit is
        answers = nothing + (1 - self.confidence) / (classes - 1)
        np.put_along_axis(answers, label, np.take_along_axis(nothing, label, axis=1) + self.confidence, axis=1)
        return np.asarray(answers)

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where the label may change."""
        return np.asarray(np.where(may_swap(logits, moved, 1), self.confidence, 0.0))

    def _require_above_chance(self, classes: int) -> None:
        if self.confidence * classes <= 1:
            raise UsageError(
                f"confidence must be above 1 / {classes} for a model of {classes} classes, not {self.confidence:g}."
            )
