"""How far a model may differ from its reference because of rounding."""

from dataclasses import dataclass

import numpy as np

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.probabilities import centred
from dynanoise_export.types import Float64s, Floats

# In probability: the error that float32 alone can cause.
ANSWER_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Tolerance:
    """How far logits may differ: |Δ| ≤ atol + rtol · |logit|, with the logits relative to each row's largest.

    The defaults allow what float32 causes in a deep network between two runtimes. A float16 model needs more.
    """

    atol: float = 1e-4
    rtol: float = 1e-5

    def of_answers(self, defence: Defence) -> float:
        """Give how far a probability may differ under the same noise if the logits differ by `atol`."""
        return max(ANSWER_TOLERANCE, self.atol * defence.lipschitz)

    def of_logits(self, logits: Floats) -> Float64s:
        """Give how far each of the logits [n, k] may differ."""
        return np.asarray(self.atol + self.rtol * np.abs(centred(logits.astype(np.float64))))


FLOAT32 = Tolerance()
# TF32 rounds what a layer takes to 10 bits: 0.011 was seen in the logits of an MLP, 0.030 in those of ResNet-20.
IN_TF32 = Tolerance(0.05, 1e-3)
# How far TF32 moves the standard deviation of the noise, as a share of it: half of what it moves the variance.
NOISE_IN_TF32 = 0.005
# The same logits, which only the defence's own rounding moves.
EXACT = Tolerance(0, 0)


def jumps(defence: Defence, logits: Floats, tolerance: Tolerance) -> Float64s:
    """Give how much farther the answers [n] may differ, because rounding may move a query over an edge of the defence.

    Args:
        defence: with or without a kept label.
        logits: [n, k].
        tolerance: of the logits.

    Returns:
        In probability, [n]; 0 for a query with no edge near it, and for defences without edges.
    """
    inner = keeping_label(defence, keep=False)
    return inner.jump(logits.astype(np.float64), tolerance.of_logits(logits))
