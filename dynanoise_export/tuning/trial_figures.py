"""What a setting achieves on logits: cheap attacks by an attacker who averages, and the price for honest clients."""

from dataclasses import dataclass

from dynanoise_export.attacks.metrics.calibration import calibration_error
from dynanoise_export.attacks.metrics.usefulness import negative_log_likelihood
from dynanoise_export.defences.base import Defence
from dynanoise_export.intervals import Interval
from dynanoise_export.tuning.cached_logits import Rows
from dynanoise_export.tuning.cheap_attacks import TARGET, Reader, one_answer, strongest_cheap
from dynanoise_export.tuning.objective import Objective

# Another seed than the attackers'.
CLIENT = TARGET + 1


@dataclass(frozen=True)
class Price:
    """What honest clients get, by one answer to each non-member.

    Attributes:
        accuracy: the share of correct labels.
        accuracy_lost: against the undefended answers to the same rows.
        negative_log_likelihood: of the label, in nats.
        calibration_error: the distance between confidence and accuracy.
    """

    accuracy: float
    accuracy_lost: float
    negative_log_likelihood: float
    calibration_error: float


@dataclass(frozen=True)
class TrialFigures(Price):
    """What a setting achieves on the rows of one half.

    Attributes:
        attack: the code of the strongest attack.
        risk: its AUC, or its TPR at the chosen FPR.
    """

    attack: str
    risk: Interval


def trial_figures(rows: Rows, defence: Defence | None, objective: Objective, answers: int) -> TrialFigures:
    """Attack a setting on logits, and measure its price.

    Args:
        rows: of one half.
        defence: with the setting; None for the undefended model.
        objective: what counts.
        answers: how many the attacker averages.
    """
    strongest = strongest_cheap(rows, defence, objective, Reader(answers))
    return TrialFigures(**vars(price(rows, defence)), attack=strongest.attack, risk=strongest.risk)


def price(rows: Rows, defence: Defence | None) -> Price:
    """Measure what honest clients get."""
    others = rows.audit.judged & ~rows.audit.member
    y, plain = rows.audit.y[others], rows.logits[others]
    log_p = one_answer(plain, defence, CLIENT)
    accuracy = float((log_p.argmax(axis=1) == y).mean())
    return Price(
        accuracy=accuracy,
        accuracy_lost=float((plain.argmax(axis=1) == y).mean()) - accuracy,
        negative_log_likelihood=negative_log_likelihood(log_p, y).value,
        calibration_error=calibration_error(log_p, y),
    )
