"""Judge settings: finalists on the rows for tuning, and what is recommended on the held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.intervals import Interval
from dynanoise_export.tuning.cached_logits import Rows
from dynanoise_export.tuning.choosing import gentlest_of_safest
from dynanoise_export.tuning.objective import Objective
from dynanoise_export.tuning.search import Trial
from dynanoise_export.tuning.settings import Setting, Variant
from dynanoise_export.tuning.suite import Suite
from dynanoise_export.tuning.trial_figures import trial_figures
from dynanoise_export.tuning.tune_report import Candidate, Final
from dynanoise_export.types import Int64s, Progress, Step


def judge_candidates(
    finalists: Sequence[Trial], variants: Sequence[Variant], suite: Suite | None, rows: Int64s, progress: Progress
) -> tuple[Candidate, ...]:
    """Attack each finalist in each variant in full, on the rows for tuning.

    Args:
        finalists: the trials to choose between.
        variants: what each is exported with.
        suite: None if there is no model to export.
        rows: the numbers of the bundle's rows for tuning.
        progress: of the attacks.
    """
    pairs = [(trial, variant) for trial in finalists for variant in variants]
    if suite is None or len(pairs) < 2:
        return tuple(Candidate(trial, variant, None) for trial, variant in pairs)
    found = []
    for number, (trial, variant) in enumerate(pairs, start=1):
        told = _prefixed(f"Finalist {number} of {len(pairs)}", progress)
        found.append(Candidate(trial, variant, suite.attack(trial.setting, variant, rows, told)))
    return tuple(found)


def recommended(candidates: Sequence[Candidate], objective: Objective) -> Candidate | None:
    """Choose the candidate to recommend, by the rows for tuning; None if there is none."""

    def risk(one: Candidate) -> Interval:
        if one.report is None:
            return one.trial.figures.risk
        return objective.of_result(objective.strongest(one.report))

    def price(one: Candidate) -> float:
        if one.report is None:
            return one.trial.figures.negative_log_likelihood
        return one.report.utility.negative_log_likelihood.value

    return gentlest_of_safest(candidates, risk, price) if candidates else None


@dataclass(frozen=True)
class HeldOut:
    """Judges settings on the held-out rows.

    Attributes:
        rows: those rows, with the undefended answers.
        numbers: their numbers in the bundle.
        tensors: of a defence that is fitted to the model; empty for others.
        suite: None if there is no model to export.
        objective: what counts.
        budget: the most queries for each row.
        progress: of the attacks.
    """

    rows: Rows
    numbers: Int64s
    tensors: dict[str, FixedTensor]
    suite: Suite | None
    objective: Objective
    budget: int
    progress: Progress

    def judge(self, setting: Setting | None, variant: Variant, name: str) -> Final:
        """Judge a setting; None is the undefended model.

        Raises:
            UserError: the model can't be exported with this setting, or not attacked.
        """
        defence = None if setting is None else setting.make(self.tensors)
        figures = trial_figures(self.rows, defence, self.objective, self.budget)
        told = _prefixed(f"Held out, {name}", self.progress)
        report = None if self.suite is None else self.suite.attack(setting, variant, self.numbers, told)
        return Final(setting, variant, figures, report, self.objective)


def _prefixed(what: str, progress: Progress) -> Progress:
    def told(step: Step) -> None:
        progress(Step(f"{what}: {step.what}", step.done, step.total, step.unit))

    return told
