"""What the defence costs those who ask honestly: accuracy, calibration, flipped labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.calibration import calibration_error
from dynanoise_export.attacks.responses import Answers
from dynanoise_export.intervals import LEVEL, Interval, share


@dataclass(frozen=True)
class Utility:
    """What one answer of a model is worth.

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
    """What the defence costs, in the same rows with it and without it.

    Attributes:
        accuracy_lost: on the non-members.
        flips: the share of judged rows whose label the defence changes.
    """

    accuracy_lost: Interval
    flips: float


def utility(audit: Audit, answers: Answers) -> Utility:
    """Judge lone answers."""
    inside, outside = audit.judged & audit.member, audit.judged & ~audit.member
    right = answers.right > 0
    return Utility(
        share(int(right[outside].sum()), int(outside.sum())),
        share(int(right[inside].sum()), int(inside.sum())),
        calibration_error(answers.log_p[outside], audit.y[outside]),
    )


def cost(audit: Audit, plain: Answers, defended: Answers) -> Cost:
    """Compare lone answers to the same rows."""
    outside = audit.judged & ~audit.member
    lost = (plain.right[outside] > 0).astype(float) - (defended.right[outside] > 0)
    flipped = plain.log_p.argmax(axis=1) != defended.log_p.argmax(axis=1)
    return Cost(_mean(lost), float(flipped[audit.judged].mean()))


def _mean(values: npt.NDArray[np.floating]) -> Interval:
    value = float(values.mean())
    half = float(norm.ppf((1 + LEVEL) / 2) * values.std() / np.sqrt(len(values)))
    return Interval(value, value - half, value + half)
