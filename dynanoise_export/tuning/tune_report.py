"""The report of `tune`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.auc import auc_difference
from dynanoise_export.attacks.results import Result
from dynanoise_export.intervals import Interval
from dynanoise_export.tuning.objective import Objective
from dynanoise_export.tuning.search import Trial
from dynanoise_export.tuning.settings import Setting, Variant
from dynanoise_export.tuning.trial_figures import TrialFigures
from dynanoise_export.tuning.tuning_options import TuningOptions

# A smaller gain buys nothing, however sure it is.
SMALLEST_GAIN = 0.01


class Verdict(StrEnum):
    """Whether the defence buys anything for this model."""

    HELPS = "helps"
    BUYS_NOTHING = "buys-nothing"
    NOTHING_WITHIN_LIMIT = "nothing-within-limit"


@dataclass(frozen=True)
class Candidate:
    """A finalist.

    Attributes:
        trial: its setting, with its figures on logits.
        variant: what it is exported with.
        report: of all attacks on the rows for tuning; None if there was nothing to choose between, or no model.
    """

    trial: Trial
    variant: Variant
    report: AttackReport | None


@dataclass(frozen=True)
class Final:
    """What a setting achieves on the held-out rows.

    Attributes:
        setting: None for the undefended model.
        variant: what it is exported with.
        figures: of the cheap attacks, on logits.
        report: of all attacks on the file; None without a model.
        objective: what counts.
    """

    setting: Setting | None
    variant: Variant
    figures: TrialFigures
    report: AttackReport | None
    objective: Objective

    @property
    def strongest(self) -> Result | None:
        """The strongest attack on the file; None without a model."""
        return None if self.report is None else self.objective.strongest(self.report)

    @property
    def risk(self) -> Interval:
        """What the strongest attack achieves: on the file, or without a model on logits."""
        return self.figures.risk if self.strongest is None else self.objective.of_result(self.strongest)


@dataclass(frozen=True)
class TuneReport:
    """The settings that were tried, and the one to use.

    Attributes:
        model: the path of the plain model, or of its logits.
        sha256: of the model; None for logits.
        audit: all rows of the bundle.
        held_out: the rows that were held out.
        shadows: how many shadow models the attackers have.
        defence: the name of the defence.
        fitted: whether it is fitted to the model.
        options: what the user chose.
        undefended_in_search: the undefended model's figures on the rows for tuning.
        trials: all settings that were tried.
        candidates: the finalists.
        undefended: on the held-out rows.
        default: the defence's default setting on the held-out rows.
        recommended: on the held-out rows; None if no setting stays within the limit.
    """

    model: Path
    sha256: str | None
    audit: Audit
    held_out: Audit
    shadows: int
    defence: str
    fitted: bool
    options: TuningOptions
    undefended_in_search: TrialFigures
    trials: tuple[Trial, ...]
    candidates: tuple[Candidate, ...]
    undefended: Final
    default: Final
    recommended: Final | None

    @property
    def front(self) -> tuple[Trial, ...]:
        """The Pareto front, from the smallest risk up; equal settings once."""
        best = {repr(trial.setting): trial for trial in self.trials if trial.best}
        return tuple(sorted(best.values(), key=lambda trial: trial.figures.risk.value))

    @property
    def judged(self) -> Audit:
        """The held-out rows on which the final figures were measured: a sample of them, or all."""
        return self.held_out if self.undefended.report is None else self.undefended.report.audit

    @property
    def gain(self) -> Interval | None:
        """By how much the recommended setting lowers the risk on the held-out rows; None without such a setting."""
        return None if self.recommended is None else gained(self.undefended, self.recommended)

    @property
    def verdict(self) -> Verdict:
        """Whether the defence buys anything, by the held-out rows."""
        if self.gain is None:
            return Verdict.NOTHING_WITHIN_LIMIT
        sure = self.gain.low > 0 and self.gain.value >= SMALLEST_GAIN
        return Verdict.HELPS if sure else Verdict.BUYS_NOTHING


def gained(first: Final, second: Final) -> Interval:
    """Compute by how much the second setting has a smaller risk than the first.

    AUCs on the same rows are compared row by row. Other figures have the difference of their intervals, which is wider.
    """
    before, after = first.strongest, second.strongest
    if first.objective.fpr is None and before is not None and after is not None:
        return auc_difference(before.placements, after.placements)
    one, other = first.risk, second.risk
    return Interval(one.value - other.value, one.low - other.high, one.high - other.low)
