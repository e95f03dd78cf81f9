"""Kept labels: the largest probability goes back to the class that the undefended model names.

The two classes swap their probabilities, so an answer has the same numbers as without the swap: the noise alone decides
its confidence, its entropy and all classes but these two. The result is a function of the noisy answer and the label,
so it reveals no more than these two. It wraps any other defence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx_ir as ir
from onnx import numpy_helper

# onnxscript turns this source into a graph: the operators of `op` are ONNX's, and so are their names.
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.defences.base import Defence, NoiseLaw
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.onnx_functions import DOMAIN, VERSION, of_opset
from dynanoise_export.types import Floats, Int64s

NAME = "KeepLabel"

# All other probabilities are at most this share of the label's, so that there is never a tie.
BELOW = 1 - 2.0**-20
SHARE = numpy_helper.from_array(np.float32(BELOW))
FIRST_ONLY = numpy_helper.from_array(np.array([1], np.int64))


@script(Opset(DOMAIN, VERSION), default_opset=op)
def KeepLabel(probabilities, label):  # type: ignore[no-untyped-def]  # noqa: D103, N802
    largest, noisy_label = op.TopK(probabilities, op.Constant(value=FIRST_ONLY), axis=1)
    below = op.Mul(probabilities, op.Constant(value=SHARE))
    own = op.GatherElements(below, label, axis=1)
    swapped = op.ScatterElements(below, noisy_label, own, axis=1)
    kept = op.ScatterElements(swapped, label, largest, axis=1)
    return kept  # noqa: RET504


def function(opset: int) -> ir.Function:
    """Make the ONNX function for a model of this opset: probabilities [n, k] and labels [n, 1] to probabilities."""
    return of_opset(KeepLabel, opset)


@dataclass(frozen=True)
class KeptLabel(Defence):
    """A defence whose answers keep the undefended model's label.

    Attributes:
        defence: the defence whose answers they are.
    """

    defence: Defence

    keep_label = True

    @property
    def name(self) -> str:  # type: ignore[override]  # a class attribute in other defences
        """The wrapped defence's."""
        return self.defence.name

    @property
    def function_name(self) -> str:  # type: ignore[override]
        """The wrapped defence's; `graph.attach` adds the function that keeps the label."""
        return self.defence.function_name

    @property
    def takes_noise(self) -> bool:  # type: ignore[override]
        """Whether the wrapped defence takes noise."""
        return self.defence.takes_noise

    @property
    def adds_noise(self) -> bool:  # type: ignore[override]
        """Whether the wrapped defence adds its noise."""
        return self.defence.adds_noise

    @property
    def law(self) -> NoiseLaw | None:
        """The law of the wrapped defence's noise, before the swap."""
        return self.defence.law

    @property
    def lipschitz(self) -> float:
        """The wrapped defence's."""
        return self.defence.lipschitz

    @property
    def parameters(self) -> dict[str, float]:
        """The wrapped defence's."""
        return self.defence.parameters

    @property
    def tensors(self) -> dict[str, FixedTensor]:
        """The wrapped defence's."""
        return self.defence.tensors

    @classmethod
    def from_parameters(cls, values: Mapping[str, object], tensors: Mapping[str, FixedTensor] | None = None) -> Self:
        """Not available: make the wrapped defence from parameters, and wrap it with `keeping_label`."""
        raise NotImplementedError

    def attributes(self, classes: int) -> dict[str, int | float]:
        """Give the wrapped defence's."""
        return self.defence.attributes(classes)

    def function(self, opset: int) -> ir.Function:
        """Make the wrapped defence's."""
        return self.defence.function(opset)

    def defend(self, logits: Floats, noise: Floats) -> Floats:
        """Answer as the wrapped defence does, and give the largest probability back to the undefended label."""
        return keep_label(self.defence.defend(logits, noise), logits.argmax(axis=1, keepdims=True))

    def undo(self, log_probabilities: Floats) -> Floats:
        """Undo the wrapped defence; the swap remains."""
        return self.defence.undo(log_probabilities)

    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        """Draw each of the averaged answers with its own swap, and average; their number is rounded."""
        label = logits.argmax(axis=1, keepdims=True)
        count = max(1, round(answers))
        total = np.zeros_like(logits)
        for _ in range(count):
            total += swapped(self.defence.mean_answer(logits, 1, generator), label)
        return np.asarray(total / count)


def keeping_label(defence: Defence, keep: bool) -> Defence:
    """Wrap a defence so that its answers keep the label, or unwrap it."""
    inner = defence.defence if isinstance(defence, KeptLabel) else defence
    return KeptLabel(inner) if keep else inner


def keep_label(probabilities: Floats, label: Int64s) -> Floats:
    """Give the largest probability back to a label.

    Args:
        probabilities: [n, k], of a defended answer.
        label: int64 [n, 1], the undefended model's: the first of the largest logits.

    Returns:
        The probabilities with the largest at the label, strictly.
    """
    largest = probabilities.max(axis=1, keepdims=True)
    kept: Floats = swapped(probabilities, label) * probabilities.dtype.type(BELOW)
    np.put_along_axis(kept, label, largest, axis=1)
    return kept


def swapped(scores: Floats, label: Int64s) -> Floats:
    """Swap the largest of the scores [n, k] with the score at the label [n, 1]."""
    noisy_label = scores.argmax(axis=1, keepdims=True)
    result = scores.copy()
    np.put_along_axis(result, noisy_label, np.take_along_axis(scores, label, axis=1), axis=1)
    np.put_along_axis(result, label, np.take_along_axis(scores, noisy_label, axis=1), axis=1)
    return result
