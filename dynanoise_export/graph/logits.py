"""Find the logits behind a classifier's output, by the structure of the graph."""

from dataclasses import dataclass
from enum import Enum, auto

import onnx_ir as ir

from dynanoise_export.graph.patterns import operator, unchanged
from dynanoise_export.graph.score_forms import BOUNDS, is_linear, is_sigmoid, is_sorted, margin
from dynanoise_export.graph.softmax_forms import softmax_input


class Scale(Enum):
    """What a classifier's scores are."""

    LOGITS = auto()
    PROBABILITIES = auto()
    UNKNOWN = auto()


class Ending(Enum):
    """How a graph computes its scores, by its structure."""

    SOFTMAX = auto()
    LINEAR = auto()
    SIGMOID = auto()
    SORTED = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Logits:
    """Where the defence goes.

    Attributes:
        value: the logits, or probabilities if no logits can be reached; then the defence takes their logarithm.
        scale: of the value; unknown if only a trial run can decide.
        seen: what was found, for people.
        ending: how the graph computes the output.
        rounded: whether the output was rounded after the value, as quantisation does.
        floor: of probabilities, the smallest that the defence distinguishes; None for the default.
        one: whether the value is one score, that of the second of two classes.
    """

    value: ir.Value
    scale: Scale
    seen: str
    ending: Ending = Ending.OTHER
    rounded: bool = False
    floor: float | None = None
    one: bool = False


def behind(output: ir.Value) -> Logits:
    """Walk up from an output, through operators that do not change its values and through a final softmax.

    The shape of what is found may differ from the output's by axes of size 1, and whether its softmax runs over the
    classes is for a trial run to say.
    """
    passed = unchanged(output, BOUNDS)
    if (logits := softmax_input(passed.value)) is not None:
        if logits.type is None and passed.value.shape is not None:  # a softmax does not change them
            logits.type, logits.shape = passed.value.type, passed.value.shape
        seen = f"{logits.name}, the input of the final softmax"
        rounded = passed.rounded or operator(passed.value) == "DequantizeLinear"
        return Logits(logits, Scale.LOGITS, seen, Ending.SOFTMAX, rounded)
    if (logit := margin(output)) is not None:
        seen = f"{logit.name}, the logit of the second of two classes"
        return Logits(logit, Scale.LOGITS, seen, Ending.SIGMOID, passed.rounded, one=True)
    if is_sigmoid(output):
        return Logits(output, Scale.UNKNOWN, f"{output.name}, made by a sigmoid", Ending.SIGMOID)
    if is_sorted(output):
        return Logits(output, Scale.UNKNOWN, f"{output.name}, sorted scores", Ending.SORTED)
    if is_linear(output):
        seen = f"{output.name}, the output of a linear layer"
        return Logits(output, Scale.LOGITS, seen, Ending.LINEAR)
    return Logits(output, Scale.UNKNOWN, f"{output.name}, an output")
