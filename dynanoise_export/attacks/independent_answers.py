"""How many answers with independent noise are as good as the answers that an attacker averaged."""

import torch

from dynanoise_export.attacks.queries.client import SMALLEST
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.defences.base import Defence

# Answers have noise in common if they share at least this much of its variance.
LEAST_COMMON = 0.1


def independent_answers(responses: Responses, defence: Defence, logits: torch.Tensor) -> float:
    """Estimate how many answers with independent noise would average as much of it away as these answers did.

    Noise that repeats with the query, or that near-duplicates have in common, can't be averaged away. How much they
    have in common shows in how much less the answers differ than with fresh noise: if n answers share ρ of the noise's
    variance, their mean keeps 1 / n + (1 − 1 / n) ρ of it.

    Args:
        responses: to n rows.
        defence: of the model that gave them.
        logits: [n, k], of a model like that one, to see how much answers with fresh noise differ.
    """
    if responses.count == 1 or not responses.spread.any():
        return 1.0
    generator = torch.Generator().manual_seed(0)
    fresh_answers = (defence.defend(logits, torch.randn(logits.shape, generator=generator)) for _ in range(2))
    one, other = (answer.clamp(min=float(SMALLEST)).log() for answer in fresh_answers)  # as a client reads them
    fresh = (one - other).var(dim=1, correction=0).nanmean() / 2
    common = float((1 - torch.from_numpy(responses.spread).mean() / fresh).clamp(0, 1))
    # Less is within the difference between two models, and would count many answers as few.
    if common < LEAST_COMMON:
        return responses.count
    return 1 / (1 / responses.count + (1 - 1 / responses.count) * common)
