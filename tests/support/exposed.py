"""The most exposed rows, and estimates without shadow models, for reports that are to show them."""

from dataclasses import replace

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.exposed_rows import Chosen
from dynanoise_export.attacks.results import FPRS
from dynanoise_export.attacks.shadow_free import ShadowFreeEstimate
from dynanoise_export.intervals import Interval

ESTIMATES = (
    ShadowFreeEstimate(0.01, Interval(0.689, 0.6, 0.77), "a first thing holds"),
    ShadowFreeEstimate(0.001, Interval(0.412, 0.3, 0.5), "a second thing holds"),
)


def with_canaries(report: AttackReport) -> AttackReport:
    """Give a report, in which shadow models chose the most exposed rows, with canaries in their place."""
    assert report.exposed is not None
    tpr = {fpr: Interval(0.251, 0.2, 0.3) if fpr == FPRS[0] else None for fpr in FPRS}
    canaries = replace(
        report.exposed,
        chosen=Chosen.CANARIES,
        members=1021,
        non_members=980,
        auc=Interval(0.913, 0.9, 0.93),
        tpr=tpr,
        epsilon=1.375,
    )
    return replace(report, exposed=canaries)
