"""Top k: the largest probabilities as they are; all other classes share the rest equally.

A client sees as much as one who is told the k best classes with their probabilities, whose sum gives the rest away
anyhow. The papers leave the others out; here they get equal shares, so that answers sum to 1 and none is exactly 0.

Source: Shokri et al. 2017, section VIII-A ("restrict the prediction vector to top k classes").
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
from scipy.special import softmax

from dynanoise_export.defences.base import SearchRange, require_between, require_whole
from dynanoise_export.defences.masking import MaskingDefence, may_swap
from dynanoise_export.errors import UsageError
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

# TensorRT sorts no more.
MOST_CLASSES = 3840

ONE_VALUE = numpy_helper.from_array(np.array([1], np.int64))
ZERO = numpy_helper.from_array(np.array(0, np.float32))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def top_k_function(logits, classes: int, classes_shown: float):  # type: ignore[no-untyped-def]  # noqa: D103
    z = op.Clip(op.Cast(logits, to=onnx.TensorProto.FLOAT), op.Constant(value=SMALLEST), op.Constant(value=LARGEST))
    p = op.Softmax(z, axis=-1)
    shown = op.Constant(value_float=classes_shown)
    count = op.Reshape(op.Cast(shown, to=onnx.TensorProto.INT64), op.Constant(value=ONE_VALUE))
    # Logits decide, because two of them can have the same probability in float32. Of equal ones the first counts.
    _shown_logits, which = op.TopK(z, count, axis=-1)
    largest = op.GatherElements(p, which, axis=1)

    others = op.ScatterElements(p, which, op.Expand(op.Constant(value=ZERO), op.Shape(largest)), axis=1)
    rest = op.ReduceSum(others, op.Constant(value=CLASS_AXIS), keepdims=1)
    hidden = op.Sub(op.Cast(op.Constant(value_int=classes), to=onnx.TensorProto.FLOAT), shown)
    # Rounding must not put a share above the smallest probability that is shown: it would change the label of a tie.
    share = op.Min(op.Div(rest, hidden), op.Gather(largest, op.Constant(value=CLASS_AXIS), axis=1))
    return op.ScatterElements(op.Expand(share, op.Shape(p)), which, largest, axis=1)


@dataclass(frozen=True)
class TopK(MaskingDefence):
    """The k largest probabilities, and equal shares of the rest.

    Attributes:
        classes_shown: k, how many classes keep their probabilities; a whole number below the model's classes.

    Raises:
        UsageError: it is out of bounds, or no whole number.
    """

    classes_shown: float = 3.0

    name = "top-k"
    function_name = "TopClasses"

    def __post_init__(self) -> None:
        require_between("classes_shown", self.classes_shown, 1, MOST_CLASSES)
        require_whole("classes_shown", self.classes_shown)

    @classmethod
    def search_ranges(cls, classes: int) -> dict[str, SearchRange]:
        """Give the parameters that `tune` looks for."""
        return {"classes_shown": SearchRange(1, min(classes - 1, 10), whole=True)}

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the attributes of the node that calls the function, for a model of this many classes.

        Raises:
            UsageError: all classes would be shown.
        """
        self._require_below(classes)
        return super().attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the ONNX function for a model of this opset."""
        return of_opset(top_k_function, opset, self.function_name)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Keep the largest probabilities, and share the rest equally; the noise is ignored.

        Raises:
            UsageError: all classes would be shown.
        """
        classes, shown = logits.shape[1], int(self.classes_shown)
        self._require_below(classes)
        z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
        p = softmax(z, axis=1)
        order = np.argsort(-z, axis=1, kind="stable")
        largest = np.take_along_axis(p, order[:, :shown], axis=1)
        rest = np.take_along_axis(p, order[:, shown:], axis=1).sum(axis=1, keepdims=True)
        share = np.minimum(rest / (classes - shown), largest[:, -1:])
        answers = np.repeat(share, classes, axis=1)
        np.put_along_axis(answers, order[:, :shown], largest, axis=1)
        return answers

    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound the jump where the last class that is shown may change places with the first that is not."""
        shown = int(self.classes_shown)
        p = softmax(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT), axis=1)
        smallest_shown = np.sort(p, axis=1)[:, -shown]
        return np.asarray(np.where(may_swap(logits, moved, shown), smallest_shown, 0.0))

    def _require_below(self, classes: int) -> None:
        if self.classes_shown >= classes:
            raise UsageError(
                f"classes_shown must be below the {classes} classes of the model, not {self.classes_shown:g}: "
                "it would hide nothing."
            )
