"""Redraws: the scores of an attack on other answers that the same model could have given to the same queries.

They show how much a figure changes from one run to the next, without another query.
"""

from dataclasses import replace

import numpy as np

from dynanoise_export.attacks.attacker_evidence import SharedEvidence, evidence_of, with_responses
from dynanoise_export.attacks.attackers import Attacker, attackers_of
from dynanoise_export.attacks.evidence import Evidence
from dynanoise_export.attacks.responses import ModelResponses, Responses
from dynanoise_export.attacks.results import Result
from dynanoise_export.defences.base import Defence
from dynanoise_export.types import Float32s, Float64s

REDRAWS = 20
# How many answers to a row show how much they differ, at least.
FEWEST_ANSWERS = 2


class Redraws:
    """Redraws of the responses of one model.

    Args:
        responses: all responses of the model.
        defence: of the model; None if it is undefended.
        shared: what its attackers share.
    """

    def __init__(self, responses: ModelResponses, defence: Defence | None, shared: SharedEvidence) -> None:
        # The noise of a single answer: the variance between the answers to the same query.
        self._spread = responses.repeated[max(responses.repeated)].spread
        self._read: dict[Attacker, Responses] = dict(attackers_of(responses, defence))
        self._shared = shared
        self._evidence: dict[Attacker, Evidence] = {}

    def __call__(self, result: Result) -> list[Float64s]:
        """Give the scores [r] of an attack on each redraw; none if the model repeats its answers."""
        if not self._spread.any():
            return []
        attacker, shared = result.attacker, self._shared
        if attacker not in self._evidence:
            self._evidence[attacker] = evidence_of(attacker, self._read[attacker], shared)
        generator = np.random.default_rng(list(self._read).index(attacker))
        redrawn = (_redrawn(self._read[attacker], self._spread, shared, generator) for _ in range(REDRAWS))
        return [
            result.attack.score(with_responses(self._evidence[attacker], attacker, one, shared))[shared.audit.judged]
            for one in redrawn
        ]


def _redrawn(
    responses: Responses, single: Float32s, shared: SharedEvidence, generator: np.random.Generator
) -> Responses:
    """Add to the mean of answers what it would differ by if they were given again, and draw the labels likewise."""
    spread = single if responses.count == 1 else responses.spread
    classes = responses.log_p.shape[1]
    # The spread is that of values less their mean, which have lost the share of one class.
    deviation = np.sqrt(spread * classes / (classes - 1) / responses.count)[:, None]
    log_p = responses.log_p + deviation * generator.standard_normal(responses.log_p.shape, np.float32)
    if responses.count == 1:
        correct = (log_p.argmax(axis=1) == shared.audit.y).astype(np.int32)
    else:
        correct = generator.binomial(responses.count, responses.correct / responses.count).astype(np.int32)
    return replace(responses, log_p=log_p, correct=correct)
