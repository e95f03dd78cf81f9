"""The search: Optuna's NSGA-II over the settings of a defence, with several objectives and a constraint."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import joblib

from dynanoise_export.errors import UsageError, first_line
from dynanoise_export.intervals import Interval
from dynanoise_export.tuning.settings import KEEP_LABEL, SearchSpace, Setting
from dynanoise_export.tuning.trial_figures import TrialFigures
from dynanoise_export.types import Progress, Step

if TYPE_CHECKING:  # an optional package
    import optuna

# The settings of one generation are judged at the same time.
GENERATION = 40
# The name under which a trial's figures are in the storage.
FIGURES = "figures"


@dataclass(frozen=True)
class Trial:
    """A setting that was tried, and what it achieves on the rows for tuning.

    Attributes:
        setting: what was tried.
        figures: what it achieves.
        best: whether no other trial within the constraint is better in one figure and as good in the others: it is on
            the Pareto front.
    """

    setting: Setting
    figures: TrialFigures
    best: bool


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Attributes:
        trials: how many settings to try.
        max_accuracy_drop: how much accuracy a setting may lose, from 0 to 1.
        seed: of the search.
        jobs: how many settings are judged at the same time.
        storage: the URL of Optuna's storage, which workers on other machines share; None to keep trials in memory.
        study: the name of the study in the storage: settings of other models and rows have other names.
    """

    trials: int
    max_accuracy_drop: float
    seed: int
    jobs: int
    storage: str | None
    study: str


def search(
    space: SearchSpace,
    first: Setting,
    judge: Callable[[Setting], TrialFigures],
    options: SearchOptions,
    progress: Progress,
) -> list[Trial]:
    """Try settings, and give all that were tried, by this worker and by those that share its storage.

    Args:
        space: where to look.
        first: the setting to try first.
        judge: gives the figures of a setting.
        options: how to search.
        progress: called with the number of trials.

    Raises:
        UserError: the storage can't be opened, or a setting can't be judged.
    """
    study = _study(options)
    study.enqueue_trial({**first.parameters, KEEP_LABEL: first.keep_label}, skip_if_exists=True)
    done = 0
    with joblib.Parallel(n_jobs=options.jobs, prefer="threads") as parallel:
        for count in _generations(options.trials):
            asked = [study.ask() for _ in range(count)]
            settings = [space.suggested(trial) for trial in asked]
            judged = parallel(joblib.delayed(judge)(setting) for setting in settings)
            for trial, figures in zip(asked, judged, strict=True):
                _tell(study, trial, figures, options.max_accuracy_drop)
            done += count
            progress(Step("Trying settings", done, options.trials, "trials"))
    best = {trial.number for trial in study.best_trials}
    return [
        Trial(space.setting_of(trial.params), _figures(trial.user_attrs[FIGURES]), trial.number in best)
        for trial in study.trials
        if FIGURES in trial.user_attrs
    ]


def _study(options: SearchOptions) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(
        population_size=GENERATION,
        # Workers that share a storage must not all try the same settings.
        seed=options.seed if options.storage is None else None,
    )
    try:
        return optuna.create_study(
            directions=["minimize"] * 4,
            sampler=sampler,
            storage=options.storage,
            study_name=options.study,
            load_if_exists=True,
        )
    except Exception as failed:  # whatever the driver of a database raises
        raise UsageError(f"Can't open the storage {options.storage}: {first_line(failed)}.") from failed


def _generations(trials: int) -> Iterator[int]:
    for start in range(0, trials, GENERATION):
        yield min(GENERATION, trials - start)


def _tell(study: "optuna.Study", trial: "optuna.Trial", figures: TrialFigures, max_accuracy_drop: float) -> None:
    trial.set_user_attr(FIGURES, asdict(figures))
    trial.set_constraint("accuracy", figures.accuracy_lost - max_accuracy_drop)
    values = (
        figures.risk.value,
        figures.accuracy_lost,
        figures.negative_log_likelihood,
        figures.calibration_error,
    )
    study.tell(trial, values)


def _figures(stored: dict[str, Any]) -> TrialFigures:
    return TrialFigures(**{**stored, "risk": Interval(**stored["risk"])})
