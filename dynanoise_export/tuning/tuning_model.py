"""Tune a defence for a model: search on one half of the rows, judge on the other."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dynanoise_export.attacks.budgets import DEFAULT_BUDGET
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.choices import choice
from dynanoise_export.defences.catalogue import DEFAULT, DEFENCES
from dynanoise_export.errors import UsageError
from dynanoise_export.fitting import fit_defence
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.packages import require_packages
from dynanoise_export.runtimes.provider import ON_CPU, Provider, chosen_execution
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.tuning.choosing import finalists as choose_finalists
from dynanoise_export.tuning.halves import halves
from dynanoise_export.tuning.judging_settings import HeldOut, judge_candidates, recommended
from dynanoise_export.tuning.objective import parse_objective
from dynanoise_export.tuning.searching import Searched, search_settings
from dynanoise_export.tuning.settings import Variant
from dynanoise_export.tuning.subject import Subject, open_subject
from dynanoise_export.tuning.suite import Suite
from dynanoise_export.tuning.tune_report import TuneReport
from dynanoise_export.tuning.tuning_options import TuningOptions
from dynanoise_export.types import Int64s, Progress, Step, no_progress

DEFAULT_TRIALS, DEFAULT_FINALISTS, DEFAULT_DROP = 200, 2, 0.02


def tune(
    model: str | Path,
    data: str | Path,
    *,
    shadows: str | Path | None = None,
    defence: str = DEFAULT,
    objective: str = "auc",
    budget: int = DEFAULT_BUDGET,
    domain: Domain | str = Domain.ANY,
    max_accuracy_drop: float = DEFAULT_DROP,
    keep_label: bool | None = None,
    variants: Sequence[Variant] = (),
    trials: int = DEFAULT_TRIALS,
    finalists: int = DEFAULT_FINALISTS,
    sample: int | None = None,
    seed: int = 0,
    jobs: int = -1,
    storage: str | None = None,
    work: str | Path | None = None,
    source_options: SourceOptions | None = None,
    provider: Provider | str | None = None,
    tf32: bool = False,
    progress: Progress = no_progress,
) -> TuneReport:
    """Find the parameters of a defence for a model, and say what it then achieves.

    Settings are searched on one half of the bundle's rows, with cheap attacks on the model's logits. The finalists are
    exported and attacked in full on the same half. All final figures come from the other half.

    Args:
        model: the path of the plain classifier, in any known format; or an .npy file of its logits for the rows of the
            bundle, with which only the cheap attacks run.
        data: the path of a bundle with labels and membership.
        shadows: the path of a store of shadow models of the same bundle; without it the attackers are weak.
        defence: its name in the registry.
        objective: what to make small: auc, or tpr@0.01, tpr@0.001 or tpr@0.0001 for the TPR at this FPR.
        budget: the most queries for each row of any attacker.
        domain: the inputs that attackers may send.
        max_accuracy_drop: how much accuracy a setting may lose, from 0 to 1.
        keep_label: whether answers keep the undefended label; None to try both.
        variants: what each finalist is exported with; empty for keyed noise, if the defence takes noise.
        trials: how many settings to try.
        finalists: how many of them are exported and attacked in full, at most.
        sample: how many rows of a half are judged in an attack in full, chosen at random; None for all.
        seed: of the search; with a storage each worker has its own.
        jobs: how many settings are judged at the same time; -1 for one on each core.
        storage: the URL of a storage of Optuna's, such as sqlite:///tune.db, that several workers share.
        work: the path of a folder for exported files and answers, so that a second run goes on; None for none.
        source_options: what the classifier's own file does not say.
        provider: what ONNX Runtime runs on: cpu, cuda or tensorrt; None for the CPU.
        tf32: whether a GPU may compute float32 in TF32.
        progress: called with each step, and with the number of trials.

    Raises:
        UserError: one of the files or options can't be used.
    """
    require_packages("Tuning needs", "optuna")
    options = TuningOptions(
        parse_objective(objective), budget, choice(Domain, domain, "domain"), max_accuracy_drop, keep_label,
        _variants(defence, variants), trials, finalists, sample, seed, jobs, storage, source_options,
        chosen_execution(provider, tf32=tf32) or ON_CPU,
    )  # fmt: skip
    stores = None if shadows is None else Path(shadows)
    subject = open_subject(Path(model), Path(data), stores, source_options, options.execution, progress)
    parts = halves(subject.rows.audit)
    for half in parts:
        options.objective.require_measurable(subject.rows.part(half).audit.non_members)
    tensors = _tensors(defence, subject, stores, parts[0], options, progress)
    searched = search_settings(subject.rows.part(parts[0]), defence, tensors, options, progress)
    with _folder(work) as folder:
        suite = None if subject.source is None else _suite(subject, stores, tensors, options, folder)
        return _judged(subject, defence, tensors, parts, searched, suite, options, progress)


def _variants(defence: str, given: Sequence[Variant]) -> tuple[Variant, ...]:
    """Give what finalists are exported with: without noise, where the defence takes none."""
    if DEFENCES.get(defence).takes_noise:
        return tuple(given) or (Variant(NoiseSource.KEYED),)
    return tuple(dict.fromkeys(replace(one, noise=None, grids=()) for one in given)) or (Variant(),)


def _tensors(
    defence: str, subject: Subject, shadows: Path | None, rows: Int64s, options: TuningOptions, progress: Progress
) -> dict[str, FixedTensor]:
    """Fit the tensors of a defence that has some, to the rows for tuning alone."""
    if not DEFENCES.get(defence).tensor_names:
        return {}
    if subject.source is None:
        raise UsageError(f"The defence {defence} is fitted to the model: give the model, not its logits.")
    progress(Step(f"Fitting {defence}"))
    fitted = fit_defence(
        subject.path, defence, data=subject.rows.audit.path, shadows=shadows, rows=rows, seed=options.seed,
        source_options=options.source_options,
    )  # fmt: skip
    return fitted.tensors


@contextmanager
def _folder(work: str | Path | None) -> Iterator[Path]:
    """Give the folder for exported files and answers; without one of the user's, it is gone at the end."""
    if work is not None:
        Path(work).mkdir(parents=True, exist_ok=True)
        yield Path(work)
        return
    with TemporaryDirectory() as made:
        yield Path(made)


def _suite(
    subject: Subject, shadows: Path | None, tensors: dict[str, FixedTensor], options: TuningOptions, folder: Path
) -> Suite:
    return Suite(
        subject.path, subject.rows.audit.path, shadows, f"{subject.digest} {options.seed}", tensors, options.budget,
        options.domain, options.sample, folder,
        options.source_options, options.execution,
    )  # fmt: skip


def _judged(
    subject: Subject,
    defence: str,
    tensors: dict[str, FixedTensor],
    parts: tuple[Int64s, Int64s],
    searched: Searched,
    suite: Suite | None,
    options: TuningOptions,
    progress: Progress,
) -> TuneReport:
    """Judge the finalists on the rows for tuning, and the recommended one on the others."""
    best = choose_finalists(searched.trials, searched.undefended.risk.value, options.finalists)
    candidates = judge_candidates(best, options.variants, suite, parts[0], progress)
    chosen = recommended(candidates, options.objective)
    held_out = subject.rows.part(parts[1])
    final = HeldOut(held_out, parts[1], tensors, suite, options.objective, options.budget, progress)
    return TuneReport(
        model=subject.path,
        sha256=None if subject.source is None else subject.source.sha256,
        audit=subject.rows.audit,
        held_out=held_out.audit,
        shadows=len(subject.rows.shadows),
        defence=defence,
        fitted=bool(tensors),
        options=options,
        undefended_in_search=searched.undefended,
        trials=searched.trials,
        candidates=candidates,
        undefended=final.judge(None, Variant(), "undefended"),
        default=final.judge(searched.default, Variant(options.variants[0].noise), "default setting"),
        recommended=None
        if chosen is None
        else final.judge(chosen.trial.setting, chosen.variant, "recommended setting"),
    )
