"""What tuning makes small: the AUC of the strongest attacker, or its TPR at an FPR."""

from dataclasses import dataclass

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.metrics.roc import curve, non_members_needed, tpr_at
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.intervals import Interval
from dynanoise_export.types import Bools, Float64s


@dataclass(frozen=True)
class Objective:
    """The figure of an attack that tuning makes small.

    Attributes:
        fpr: at which the TPR counts; None for the AUC.
    """

    fpr: float | None = None

    def __str__(self) -> str:
        return "AUC" if self.fpr is None else f"TPR at {self.fpr:g} FPR"

    def require_measurable(self, non_members: int) -> None:
        """Check that there are enough non-members.

        Raises:
            DataError: there are not.
        """
        if self.fpr is not None and non_members < non_members_needed(self.fpr):
            raise DataError(
                f"A TPR at {self.fpr:g} FPR needs at least {non_members_needed(self.fpr)} non-members in each half of "
                f"the bundle, and there are {non_members}: tune by the AUC, or give more rows."
            )

    def of_scores(self, scores: Float64s, member: Bools) -> Interval:
        """Compute it of scores [n]."""
        found = auc(placements(scores, member)) if self.fpr is None else tpr_at(curve(scores, member), self.fpr)
        if found is None:
            raise ValueError("there are too few non-members")
        return found

    def of_result(self, result: Result) -> Interval:
        """Give it of a result of `attack`."""
        found = result.auc if self.fpr is None else result.tpr[self.fpr]
        if found is None:
            raise ValueError("there are too few non-members")
        return found

    def strongest(self, report: AttackReport) -> Result:
        """Find the result of a report for which it is largest."""
        return max(report.results, key=lambda result: self.of_result(result).value)


def parse_objective(text: str) -> Objective:
    """Make an objective of `auc` or `tpr@FPR`.

    Raises:
        UsageError: it is neither, or the FPR is not one that `attack` reports.
    """
    known = {"auc": None} | {f"tpr@{fpr:g}": fpr for fpr in FPRS}
    if text not in known:
        raise UsageError(f"Unknown objective {text!r}; choose one of {', '.join(known)}.")
    return Objective(known[text])
