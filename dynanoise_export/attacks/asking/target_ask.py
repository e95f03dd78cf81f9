"""Ask the target: through a client, as often as a plan wants, with the defence taken back as far as it can be."""

from collections.abc import Callable

import numpy as np
from scipy.special import log_softmax

from dynanoise_export.attacks.asking.client import Client
from dynanoise_export.defences.base import Defence
from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.types import Arrays, Float32s, Floats, row_count


class TargetAsk:
    """Asks the attacked model.

    Args:
        client: of the model.
        defence: what the attacker takes back; None for an undefended model.
        sent: called with the number of queries, after each batch.
    """

    def __init__(self, client: Client, defence: Defence | None, sent: Callable[[int], None]) -> None:
        self._client, self._defence, self._sent = client, defence, sent

    def answers(self, inputs: Arrays) -> Floats:
        """Send each of b queries once; `query_plan.Ask` says what comes back."""
        return self._read(self._send(inputs))

    def mean(self, inputs: Arrays, count: int) -> Floats:
        """Send each of b queries `count` times, and average the answers."""
        total = self._send(inputs).astype(np.float64)
        for _ in range(count - 1):
            total += self._send(inputs)
        return self._read(total / count)

    def _send(self, inputs: Arrays) -> Float32s:
        parts = []
        for rows in batches(inputs, self._client.batch):
            parts.append(self._client.log_probabilities(rows))
            self._sent(row_count(rows))
        return np.concatenate(parts)

    def _read(self, log_p: Floats) -> Floats:
        return np.asarray(log_softmax(log_p if self._defence is None else self._defence.undo(log_p), axis=1))
