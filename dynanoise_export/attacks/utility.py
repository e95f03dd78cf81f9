"""What the defence costs honest clients: accuracy, likelihood, calibration, flipped labels."""

from dataclasses import dataclass

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.calibration import calibration_error
from dynanoise_export.attacks.metrics.usefulness import (
    brier_score,
    negative_log_likelihood,
    risk_coverage_area,
    top_accuracy,
)
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.intervals import Interval, mean, proportion

# With no more classes than this, every label is among the best.
TOP = 5


@dataclass(frozen=True)
class Utility:
    """How good one answer of a model is; all figures but `accuracy_on_members` are those of the non-members.

    Attributes:
        accuracy: the share of correct labels.
        accuracy_on_members: the same for the members.
        calibration_error: the distance between confidence and accuracy.
        negative_log_likelihood: of the label, in nats.
        brier_score: from 0 to 2.
        risk_coverage_area: the error of the surest answers, averaged over all shares of them.
        top_5_accuracy: how often the label is among the five best classes; None for at most five classes.
    """

    accuracy: Interval
    accuracy_on_members: Interval
    calibration_error: float
    negative_log_likelihood: Interval
    brier_score: Interval
    risk_coverage_area: float
    top_5_accuracy: float | None


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
    log_p, y = responses.log_p[non_members], audit.y[non_members]
    return Utility(
        accuracy=proportion(int(correct[non_members].sum()), int(non_members.sum())),
        accuracy_on_members=proportion(int(correct[members].sum()), int(members.sum())),
        calibration_error=calibration_error(log_p, y),
        negative_log_likelihood=negative_log_likelihood(log_p, y),
        brier_score=brier_score(log_p, y),
        risk_coverage_area=risk_coverage_area(log_p, y),
        top_5_accuracy=top_accuracy(log_p, y, TOP) if log_p.shape[1] > TOP else None,
    )


def cost(audit: Audit, plain: Responses, defended: Responses) -> Cost:
    """Compare one answer of the undefended model and one of the defended model to each row."""
    non_members = audit.judged & ~audit.member
    lost = (plain.correct[non_members] > 0).astype(float) - (defended.correct[non_members] > 0)
    flipped = plain.log_p.argmax(axis=1) != defended.log_p.argmax(axis=1)
    return Cost(mean(lost), float(flipped[audit.judged].mean()))
