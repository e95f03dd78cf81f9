"""What the defence costs honest clients: accuracy, calibration, flipped labels."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.calibration import calibration_error
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.intervals import LEVEL, Interval, proportion
from dynanoise_export.types import Floats


@dataclass(frozen=True)
class Utility:
    """How good one answer of a model is.

    Attributes:
        accuracy: on the non-members.
        accuracy_on_members: on the members.
        calibration_error: on the non-members.
    """

    accuracy: Interval
    accuracy_on_members: Interval
    calibration_error: float


@dataclass(frozen=True)
class Cost:
    """What the defence costs, measured on the same rows with it and without it.

    Attributes:
        accuracy_lost: on the non-members.
        flips: the share of judged rows whose label the defence changes.
    """

    accuracy_lost: Interval
    flips: float


def utility(audit: Audit, responses: Responses) -> Utility:
    """Measure how good a model is, by one answer to each row; canaries, whose labels are wrong, are left out."""
    right = audit.judged if audit.canary is None else audit.judged & ~audit.canary
    members, non_members = right & audit.member, right & ~audit.member
    correct = responses.correct > 0
    return Utility(
        proportion(int(correct[non_members].sum()), int(non_members.sum())),
        proportion(int(correct[members].sum()), int(members.sum())),
        calibration_error(responses.log_p[non_members], audit.y[non_members]),
    )


def cost(audit: Audit, plain: Responses, defended: Responses) -> Cost:
    """Compare one answer of the undefended model and one of the defended model to each row."""
    non_members = audit.judged & ~audit.member
    lost = (plain.correct[non_members] > 0).astype(float) - (defended.correct[non_members] > 0)
    flipped = plain.log_p.argmax(axis=1) != defended.log_p.argmax(axis=1)
    return Cost(_mean(lost), float(flipped[audit.judged].mean()))


def _mean(values: Floats) -> Interval:
    value = float(values.mean())
    half = float(norm.ppf((1 + LEVEL) / 2) * values.std() / np.sqrt(len(values)))
    return Interval(value, value - half, value + half)
