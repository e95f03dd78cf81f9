"""The JSON document of `sweep`."""

from typing import TypedDict

from dynanoise_export.reports.documents import Header, ends, header
from dynanoise_export.tuning.sweeping import SweepPoint, SweepReport


class SweptAttackerDocument(TypedDict):
    """The strongest cheap attack of an attacker; `success`: its balanced accuracy at the best threshold."""

    attack: str
    auc: float
    auc_ci: list[float]
    success: float


class PointDocument(TypedDict):
    """What one value of a parameter gives; `attackers` by their names."""

    value: float
    accuracy: float
    accuracy_lost: float
    negative_log_likelihood: float
    calibration_error: float
    attackers: dict[str, SweptAttackerDocument]


class SweepDocument(Header):
    """Accuracy and attacks against each parameter.

    Attributes:
        base: the parameters of the setting around which they vary; `keep_label`: whether it keeps labels.
        budget: how many answers the strongest attacker averages.
        bundle_sha256: of the rows.
        shadow_models: how many the attackers have.
        undefended: the undefended model.
        sweeps: the points of each parameter, by its name.
    """

    base: dict[str, float]
    keep_label: bool
    budget: int
    bundle_sha256: str
    shadow_models: int
    undefended: PointDocument
    sweeps: dict[str, list[PointDocument]]


def sweep_document(report: SweepReport) -> SweepDocument:
    """Describe a sweep."""
    return {
        **header("sweep", report.model, report.sha256, None),
        "base": dict(report.base.parameters),
        "keep_label": report.base.keep_label,
        "budget": report.budget,
        "bundle_sha256": report.audit.sha256,
        "shadow_models": report.shadows,
        "undefended": _point(report.undefended),
        "sweeps": {name: [_point(point) for point in points] for name, points in report.sweeps.items()},
    }


def _point(point: SweepPoint) -> PointDocument:
    price = point.price
    return {
        "value": point.value,
        "accuracy": price.accuracy,
        "accuracy_lost": price.accuracy_lost,
        "negative_log_likelihood": price.negative_log_likelihood,
        "calibration_error": price.calibration_error,
        "attackers": {
            name: {"attack": one.attack, "auc": one.risk.value, "auc_ci": ends(one.risk), "success": one.success}
            for name, one in point.attackers.items()
        },
    }
