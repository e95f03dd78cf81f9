"""How many answers with independent noise are as good as the answers that an attacker averaged."""

import numpy as np

from dynanoise_export.attacks.asking.client import SMALLEST
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.defences.base import Defence, standard_normals
from dynanoise_export.types import Floats

# Answers have noise in common if they share at least this much of its variance.
LEAST_COMMON = 0.1


def independent_answers(responses: Responses, defence: Defence, logits: Floats) -> float:
    """Estimate how many answers with independent noise would average as much of it away as these answers did.

    Noise that repeats with the query, always or sometimes, can't be averaged away. How much the answers have in common
    shows in how much less they differ than with fresh noise: if n answers share ρ of the noise's variance, their mean
    keeps 1 / n + (1 − 1 / n) ρ of it.

    Args:
        responses: to n rows.
        defence: of the model that gave them.
        logits: [n, k], of a model like that one, to see how much answers with fresh noise differ.
    """
    if responses.count == 1 or not responses.spread.any():
        return 1.0
    generator = np.random.default_rng(0)
    fresh_answers = (defence.defend(logits, standard_normals(logits, generator)) for _ in range(2))
    one, other = (np.log(np.maximum(answer, SMALLEST)) for answer in fresh_answers)  # as a client reads them
    fresh = np.nanmean((one - other).var(axis=1)) / 2
    common = float(np.clip(1 - responses.spread.mean() / fresh, 0, 1))
    # Less is within the difference between two models, and would count many answers as few.
    if common < LEAST_COMMON:
        return responses.count
    return 1 / (1 / responses.count + (1 - 1 / responses.count) * common)
