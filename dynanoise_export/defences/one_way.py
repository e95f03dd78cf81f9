"""What nobody can take back: the base of defences whose answers do not give the logits away."""

import numpy as np

from dynanoise_export.defences.base import Defence, standard_normals
from dynanoise_export.types import Floats

# The smallest probability that a client distinguishes from 0: the smallest normal number of float32.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


class OneWayDefence(Defence):
    """A defence whose answers an attacker reads as they are, even if he knows the defence."""

    def undo(self, log_probabilities: Floats) -> Floats:
        """Give the answer as it is."""
        return log_probabilities

    def mean_answer(self, logits: Floats, answers: float, generator: np.random.Generator) -> Floats:
        """Average what `undo` makes of answers, as a client reads them; their number is rounded.

        Without noise every answer is the same.
        """
        count = max(1, round(answers)) if self.takes_noise else 1
        total = np.zeros_like(logits)
        for _ in range(count):
            noise = standard_normals(logits, generator) if self.takes_noise else np.zeros_like(logits)
            total += self.undo(np.log(np.maximum(self.defend(logits, noise), SMALLEST_PROBABILITY)))
        return np.asarray(total / count)
