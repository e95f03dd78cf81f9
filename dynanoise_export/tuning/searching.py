"""Search the settings of a defence on the rows for tuning."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.tuning.cached_logits import Rows
from dynanoise_export.tuning.search import SearchOptions, Trial, search
from dynanoise_export.tuning.settings import SearchSpace, Setting
from dynanoise_export.tuning.trial_figures import TrialFigures, trial_figures
from dynanoise_export.tuning.tuning_options import TuningOptions
from dynanoise_export.types import Progress


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        default: the defence's default setting.
        trials: all settings that were tried, the default among them.
        undefended: the figures of the undefended model on the same rows.
    """

    default: Setting
    trials: tuple[Trial, ...]
    undefended: TrialFigures


def search_settings(
    rows: Rows, name: str, tensors: Mapping[str, FixedTensor], options: TuningOptions, progress: Progress
) -> Searched:
    """Try settings of a defence with cheap attacks on logits.

    Args:
        rows: those for tuning.
        name: of the defence.
        tensors: of a defence that is fitted to the model; empty for others.
        options: of the tuning.
        progress: called with the number of trials.

    Raises:
        UserError: the storage can't be opened, or the defence does not fit the model.
    """
    kind = DEFENCES.get(name)
    ranges = kind.search_ranges(rows.logits.shape[1])
    space = SearchSpace(name, ranges, options.label_choices)
    default = _default(kind, space, tensors)
    how = SearchOptions(
        options.trials if ranges else len(options.label_choices),
        options.max_accuracy_drop, options.seed, options.jobs, options.storage, _study(rows, space, options),
    )  # fmt: skip

    def judge(setting: Setting) -> TrialFigures:
        return trial_figures(rows, setting.make(tensors), options.objective, options.budget)

    with threadpool_limits(1):  # settings are judged at the same time
        tried = search(space, default, judge, how, progress)
        undefended = trial_figures(rows, None, options.objective, options.budget)
    return Searched(default, tuple(tried), undefended)


def _default(kind: type[Defence], space: SearchSpace, tensors: Mapping[str, FixedTensor]) -> Setting:
    """Give the default setting, with the label kept only if it must be."""
    defaults = kind.from_parameters({}, tensors).parameters
    return space.setting_of({**defaults, "keep_label": space.keep_label[0]})


def _study(rows: Rows, space: SearchSpace, options: TuningOptions) -> str:
    """Name the study: trials of other rows, answers or goals must not mix with these."""
    digest = hashlib.sha256(rows.audit.asked.encode())
    digest.update(rows.logits.tobytes())
    digest.update(rows.trained_on.tobytes())
    digest.update(repr((space, options.objective, options.budget, options.max_accuracy_drop)).encode())
    return f"dynanoise-export {digest.hexdigest()[:16]}"
