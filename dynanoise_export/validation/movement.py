"""How far the logits of the same rows move: from call to call, with the batch, with the session, from the reference.

On a CPU they stay the same, or move by rounding. On a GPU the algorithm of a layer, and so the order of its sums, can
change with the batch and the session.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dynanoise_export.probabilities import centred, log_probabilities
from dynanoise_export.types import Floats

# Rows that were not sent may move farther than those that were.
MARGIN = 2
# Below this the noise and the answers are the same whatever the logarithm of a probability is.
LOWEST = -1e3


class Way(StrEnum):
    """What the logits of a row may move with; the values are for people."""

    CALL = "from call to call"
    BATCH = "with the batch"
    SESSION = "with the session"
    REFERENCE = "from the reference"


@dataclass(frozen=True)
class Moved:
    """The largest move that was seen.

    Attributes:
        distance: in nats, of a logarithm of a probability.
        excess: by how much a logit, relative to its row's largest, moved beyond the relative tolerance.
    """

    distance: float = 0.0
    excess: float = 0.0


@dataclass(frozen=True)
class Movement:
    """How far logits moved, by what they moved with."""

    by: dict[Way, Moved]

    def distance(self, *ways: Way) -> float:
        """Give how far the logits of any row may move in these ways, or in all of them; 0 if none moved."""
        return MARGIN * max(self.by[way].distance for way in ways or self.by)


def moved(logits: Floats, others: Floats, rtol: float) -> Moved:
    """Compare logits [n, k] of the same rows."""
    log_p, theirs = (np.maximum(log_probabilities(values), LOWEST) for values in (logits, others))
    z, other = (centred(values.astype(np.float64)) for values in (logits, others))
    excess = np.abs(z - other) - rtol * np.abs(other)
    return Moved(float(np.nan_to_num(np.abs(log_p - theirs)).max()), max(0.0, float(np.nan_to_num(excess).max())))
