"""How useful the answers are, in the JSON document of `attack`."""

from typing import TypedDict

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.reports.documents import ends


class _DefendedUtility(TypedDict):
    accuracy_defended: float
    accuracy_defended_ci: list[float]
    accuracy_on_members_defended: float
    top_5_accuracy_defended: float | None
    negative_log_likelihood_defended: float
    negative_log_likelihood_defended_ci: list[float]
    brier_score_defended: float
    brier_score_defended_ci: list[float]
    calibration_error_defended: float
    risk_coverage_area_defended: float


class UtilityDocument(_DefendedUtility, total=False):
    """How good one answer of the model is, and of the undefended model if there is a reference.

    A top-5 accuracy is None for at most five classes.
    """

    accuracy_plain: float
    accuracy_plain_ci: list[float]
    accuracy_on_members_plain: float
    top_5_accuracy_plain: float | None
    negative_log_likelihood_plain: float
    negative_log_likelihood_plain_ci: list[float]
    brier_score_plain: float
    brier_score_plain_ci: list[float]
    calibration_error_plain: float
    risk_coverage_area_plain: float
    accuracy_lost: float
    accuracy_lost_ci: list[float]
    label_flips: float


def utility_document(report: AttackReport) -> UtilityDocument:
    """Describe how useful the answers are, and what the defence costs."""
    own, plain, cost = report.utility, report.plain_utility, report.cost
    document: UtilityDocument = {
        "accuracy_defended": own.accuracy.value,
        "accuracy_defended_ci": ends(own.accuracy),
        "accuracy_on_members_defended": own.accuracy_on_members.value,
        "top_5_accuracy_defended": own.top_5_accuracy,
        "negative_log_likelihood_defended": own.negative_log_likelihood.value,
        "negative_log_likelihood_defended_ci": ends(own.negative_log_likelihood),
        "brier_score_defended": own.brier_score.value,
        "brier_score_defended_ci": ends(own.brier_score),
        "calibration_error_defended": own.calibration_error,
        "risk_coverage_area_defended": own.risk_coverage_area,
    }
    if plain is None or cost is None:
        return document
    return {
        **document,
        "accuracy_plain": plain.accuracy.value,
        "accuracy_plain_ci": ends(plain.accuracy),
        "accuracy_on_members_plain": plain.accuracy_on_members.value,
        "top_5_accuracy_plain": plain.top_5_accuracy,
        "negative_log_likelihood_plain": plain.negative_log_likelihood.value,
        "negative_log_likelihood_plain_ci": ends(plain.negative_log_likelihood),
        "brier_score_plain": plain.brier_score.value,
        "brier_score_plain_ci": ends(plain.brier_score),
        "calibration_error_plain": plain.calibration_error,
        "risk_coverage_area_plain": plain.risk_coverage_area,
        "accuracy_lost": cost.accuracy_lost.value,
        "accuracy_lost_ci": ends(cost.accuracy_lost),
        "label_flips": cost.flips,
    }
