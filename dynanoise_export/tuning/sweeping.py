"""Sweep the parameters of a defence: accuracy and attacks against one parameter at a time, as the papers draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.budgets import DEFAULT_BUDGET, repeats_within
from dynanoise_export.defences.base import Defence, SearchRange
from dynanoise_export.defences.catalogue import DEFAULT, DEFENCES
from dynanoise_export.errors import UsageError
from dynanoise_export.runtimes.provider import ON_CPU, Provider, chosen_execution
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.tuning.cached_logits import Rows
from dynanoise_export.tuning.cheap_attacks import CheapResult, Reader, strongest_cheap
from dynanoise_export.tuning.objective import Objective
from dynanoise_export.tuning.settings import Setting
from dynanoise_export.tuning.subject import open_subject
from dynanoise_export.tuning.trial_figures import Price, price
from dynanoise_export.types import Progress, Step, no_progress

DEFAULT_POINTS, MOST_POINTS = 13, 1000


@dataclass(frozen=True)
class SweepPoint:
    """What one value of a parameter gives.

    Attributes:
        value: of the parameter; the others have those of the base setting.
        price: what honest clients get.
        attackers: the strongest cheap attack by each attacker, by its name.
    """

    value: float
    price: Price
    attackers: Mapping[str, CheapResult]


@dataclass(frozen=True)
class SweepReport:
    """Accuracy and attacks against each parameter.

    Attributes:
        model: the path of the plain model, or of its logits.
        sha256: of the model; None for logits.
        audit: the rows.
        shadows: how many shadow models the attackers have.
        base: the setting around which the parameters vary.
        budget: how many answers the strongest attacker averages.
        undefended: the price of the undefended model, and the attackers of it.
        sweeps: the points of each parameter, by its name.
    """

    model: Path
    sha256: str | None
    audit: Audit
    shadows: int
    base: Setting
    budget: int
    undefended: SweepPoint
    sweeps: Mapping[str, tuple[SweepPoint, ...]]


def sweep(
    model: str | Path,
    data: str | Path,
    *,
    shadows: str | Path | None = None,
    defence: str = DEFAULT,
    parameters: Mapping[str, float] | None = None,
    keep_label: bool = False,
    vary: Mapping[str, Sequence[float]] | None = None,
    points: int = DEFAULT_POINTS,
    budget: int = DEFAULT_BUDGET,
    jobs: int = -1,
    source_options: SourceOptions | None = None,
    provider: Provider | str | None = None,
    tf32: bool = False,
    progress: Progress = no_progress,
) -> SweepReport:
    """Measure accuracy and cheap attacks while one parameter of a defence changes at a time.

    Args:
        model: the path of the plain classifier, or an .npy file of its logits for the rows of the bundle.
        data: the path of a bundle with labels and membership.
        shadows: the path of a store of shadow models of the same bundle; None for none.
        defence: its name in the registry; one that is not fitted to the model.
        parameters: of the base setting, by name; those not given have their defaults.
        keep_label: whether answers keep the undefended label.
        vary: the values of each parameter that changes, by name; an empty sequence for its usual range; None for all
            parameters that `tune` looks for.
        points: the number of values in a usual range.
        budget: how many answers the strongest attacker averages.
        jobs: how many values are measured at the same time; -1 for one on each core.
        source_options: what the classifier's own file does not say.
        provider: what ONNX Runtime runs on: cpu, cuda or tensorrt; None for the CPU.
        tf32: whether a GPU may compute float32 in TF32.
        progress: called with the number of values.

    Raises:
        UserError: one of the files or options can't be used.
    """
    repeats_within(budget, None)
    if not 2 <= points <= MOST_POINTS:
        raise UsageError(f"--points must be between 2 and {MOST_POINTS}, not {points}.")
    if DEFENCES.get(defence).tensor_names:
        raise UsageError(f"The defence {defence} is fitted to the model: a sweep takes defences that are not.")
    execution = chosen_execution(provider, tf32=tf32) or ON_CPU
    stores = None if shadows is None else Path(shadows)
    subject = open_subject(Path(model), Path(data), stores, source_options, execution, progress)
    rows, base = subject.rows, Setting(defence, dict(parameters or {}), keep_label)
    values = _values(defence, vary, points, rows.logits.shape[1])
    undefended, found = _measured(rows, base, values, budget, jobs, progress)
    return SweepReport(
        model=subject.path,
        sha256=None if subject.source is None else subject.source.sha256,
        audit=rows.audit,
        shadows=len(rows.shadows),
        base=base,
        budget=budget,
        undefended=undefended,
        sweeps=found,
    )


def _values(
    defence: str, vary: Mapping[str, Sequence[float]] | None, points: int, classes: int
) -> dict[str, Sequence[float]]:
    """Give the values of each parameter that changes.

    Raises:
        UsageError: there is nothing to vary, or a parameter has no usual range.
    """
    ranges = DEFENCES.get(defence).search_ranges(classes)
    wanted = vary or dict.fromkeys(ranges, ())
    if not wanted:
        raise UsageError(f"The defence {defence} has no parameter with a usual range: name one with its values.")
    unknown = [name for name, values in wanted.items() if not values and name not in ranges]
    if unknown:
        raise UsageError(f"{unknown[0]} of {defence} has no usual range: give its values, as in {unknown[0]}=1,2,3.")
    return {name: sorted(values) if values else _spread(ranges[name], points) for name, values in wanted.items()}


def _spread(where: SearchRange, points: int) -> list[float]:
    """Spread values over a range, rounded to what people read."""
    spaced = np.geomspace if where.log else np.linspace
    values = spaced(where.low, where.high, points)
    rounded = (float(round(value)) if where.whole else float(f"{value:.3g}") for value in values)
    return list(dict.fromkeys(rounded))


def _measured(
    rows: Rows, base: Setting, values: Mapping[str, Sequence[float]], budget: int, jobs: int, progress: Progress
) -> tuple[SweepPoint, dict[str, tuple[SweepPoint, ...]]]:
    """Measure the undefended model, and all values of all parameters."""
    asked = [(name, value) for name, several in values.items() for value in several]
    settings = [replace(base, parameters={**base.parameters, name: value}) for name, value in asked]
    defences = [None, *(setting.make({}) for setting in settings)]
    points = []
    with threadpool_limits(1):  # values are measured at the same time
        for point in joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(
            joblib.delayed(_point)(rows, defence, value, budget)
            for defence, value in zip(defences, (0.0, *(value for _, value in asked)), strict=True)
        ):
            points.append(point)
            progress(Step("Measuring values", len(points), len(defences), "values"))
    of = {name: tuple(p for (n, _), p in zip(asked, points[1:], strict=True) if n == name) for name in values}
    return points[0], of


def _point(rows: Rows, defence: Defence | None, value: float, budget: int) -> SweepPoint:
    readers = {"naive": Reader(1, adaptive=False), "adaptive, 1 answer": Reader(1)}
    if budget > 1 and defence is not None and defence.takes_noise:
        readers[f"adaptive, {budget} answers averaged"] = Reader(budget)
    attackers = {name: strongest_cheap(rows, defence, Objective(), reader) for name, reader in readers.items()}
    return SweepPoint(value, price(rows, defence), attackers)
