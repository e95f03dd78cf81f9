"""How far a model may differ from its reference because of rounding."""

from dataclasses import dataclass

from dynanoise_export.defences.base import Defence

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
